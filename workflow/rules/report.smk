# The pages that all studies share, for the report and beside it; the report itself is `snakemake --report`.


# A run ends with a line for each study.
onsuccess:
    for line in study_lines():
        print(line, file=sys.stderr)


# Or with one for each job that failed, and its reason.
onerror:
    for file in log:
        for line in failures(Path(file)):
            print(line, file=sys.stderr)


# Say on one screen what came out: the first page of the report.
rule render_summary:
    input:
        claims=expand("<results>/{study}/claims.csv", study=CLAIMING),
        figure=hero_files,
    output:
        "<results>/summary.html",
    log:
        "<results>/render_summary.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        *code("render_summary.py"),
        program=program("render_summary.py"),
        studies=study_papers,
        words=summary_words,
    shell:
        "{params.program:q} --studies {params.studies:q} --words {params.words:q}"
        " --claims {input.claims:q} --figure {input.figure:q} --output {output:q} &> {log:q}"


# Say what was done, and with which settings.
rule render_methods:
    output:
        report(
            "<results>/methods.html",
            caption="../report/settings.rst",
            category="Methods and settings",
            labels={"page": "what was done, and every setting"},
        ),
    log:
        "<results>/render_methods.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    params:
        *code("render_methods.py"),
        *map(as_it_is, methods_texts()),
        f"methods.rst:{sha256_of(METHODS)[: imports.DIGITS]}",
        program=program("render_methods.py"),
        schema=schema_file,
        template=methods_file,
        settings=methods_settings,
    shell:
        "{params.program:q} --settings {params.settings:q} --schema {params.schema:q}"
        " --template {params.template:q} --output {output:q} &> {log:q}"


# What of no single study `all` asks for; without studies there is nothing to show.
SHARED_PAGES = []
if CONFIGURATION.studies:
    SHARED_PAGES += rules.render_explorer.output
    SHARED_PAGES += rules.render_methods.output
    SHARED_PAGES += rules.render_summary.output
