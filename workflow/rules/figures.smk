# Draw a figure: the module of its kind draws the tables that it names, of all that the figure shows.
rule plot_figure:
    input:
        script="workflow/scripts/plot_figure.py",
        code=figure_code,
        tables=figure_tables,
    output:
        pdf="<results>/figures/{figure}.pdf",
        png=report(
            "<results>/figures/{figure}.png",
            caption="../report/figure.rst",
            category=figure_section,
            labels=figure_words,
        ),
    log:
        "<results>/figures/{figure}.log",
    wildcard_constraints:
        figure="|".join(PAPER_FIGURES),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        kind=figure_kind,
        options=figure_options,
        caption=figure_caption,
        paper=figure_paper,
        embedded=figure_is_embedded,
    shell:
        "python {input.script} --kind {params.kind} --tables {input.tables} --options {params.options:q}"
        " --output {output} &> {log}"
