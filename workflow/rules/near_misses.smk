# Only where this is the workflow that runs: in another workflow such files may be that one's.
if Path(workflow.main_snakefile).resolve() == (ROOT / "Snakefile").resolve():

    # Answer a target that does not exist with the one that was meant.
    rule unknown_target:
        input:
            no_such_target,
        output:
            "{target}",
        wildcard_constraints:
            target="[^./]+",
        localrule: True
