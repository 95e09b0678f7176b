# Draw a figure: the module of its kind draws the tables that it names, of all that the figure shows.
rule plot_figure:
    input:
        tables=figure_tables,
    output:
        pdf="<results>/{study}/figures/{figure}.pdf",
        png=report(
            "<results>/{study}/figures/{figure}.png",
            caption="../report/figure.rst",
            category=figure_section,
            labels=figure_words,
        ),
    log:
        "<results>/{study}/figures/{figure}.log",
    wildcard_constraints:
        study="|".join(STUDIES_WITH_FIGURES) or "(?!)",
        figure="|".join({*PAPER_FIGURES, *FIGURES}),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        *one_by_one(figure_texts, FIGURES, "figure"),
        program=program("plot_figure.py"),
        kind=figure_kind,
        options=figure_options,
        caption=figure_caption,
        paper=figure_paper,
        embedded=figure_is_embedded,
    shell:
        "{params.program:q} --kind {params.kind:q} --tables {input.tables:q} --options {params.options:q}"
        " --output {output:q} &> {log:q}"
