# Judge the sentences of a study's paper by the experiments of its figures.
rule judge_claims:
    input:
        datasets=claim_datasets,
        tables=claim_files,
    output:
        table=report(
            "<results>/{study}/claims.csv",
            caption="../report/claims.rst",
            category="Tables as files",
            labels={"table": "{study}: claims (CSV)"},
        ),
        page=report(
            "<results>/{study}/claims.html",
            caption="../report/claims.rst",
            category="Claims",
            labels={"page": "{study}: every claim, and what it was judged by"},
        ),
    log:
        "<results>/{study}/judge_claims.log",
    wildcard_constraints:
        study="|".join(CLAIMING) or "(?!)",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        *one_by_one(claim_texts, CLAIMING),
        program=program("judge_claims.py"),
        arguments=claim_arguments,
    shell:
        "{params.program:q} {params.arguments:q} --datasets {input.datasets:q} --tables {input.tables:q}"
        " --table {output.table:q} --page {output.page:q} &> {log:q}"
