from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/figure_inputs.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/projections.smk"
include: "workflow/rules/pretrained.smk"
include: "workflow/rules/reinitialisation.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/figures.smk"


# Everything of the paper that the configuration asks for.
rule all:
    default_target: True
    input:
        "<results>/tables/claims.csv",
        "<results>/tables/tables.html",
        "<results>/tables/accuracies.csv",
        "<results>/tables/criticality.csv",
        expand("<results>/tables/{experiment}/n_l_summary.csv", experiment=EXPERIMENTS),
        expand(
            "<results>/tables/{experiment}/reinitialisation_summary.csv",
            experiment=REINITIALISED,
        ),
        expand("<results>/figures/{figure}.pdf", figure=FIGURES),


rule datasets:
    input:
        expand("<results>/datasets/{dataset}/dataset.json", dataset=USED_DATASETS),


rule training:
    input:
        per_run("<results>/runs/{experiment}/seed={seed}/run.json", EXPERIMENTS),


rule projections:
    input:
        expand("<results>/tables/{experiment}/n_l.csv", experiment=EXPERIMENTS),


rule pretrained:
    input:
        expand("<results>/tables/{network}/n_l_summary.csv", network=PRETRAINED),


rule reinitialisation:
    input:
        per_run(
            "<results>/reinitialisation/{experiment}/seed={seed}.csv", REINITIALISED
        ),


rule tables:
    input:
        "<results>/tables/claims.csv",
        "<results>/tables/tables.html",
        "<results>/tables/accuracies.csv",
        "<results>/tables/criticality.csv",
        expand("<results>/tables/{experiment}/n_l_summary.csv", experiment=EXPERIMENTS),
        expand(
            "<results>/tables/{experiment}/training_summary.csv",
            experiment=EXPERIMENTS,
        ),
        expand(
            "<results>/tables/{experiment}/reinitialisation_summary.csv",
            experiment=REINITIALISED,
        ),


rule claims:
    input:
        "<results>/tables/claims.csv",
        "<results>/tables/claims.html",


rule figures:
    input:
        expand("<results>/figures/{figure}.pdf", figure=FIGURES),


# One target for each figure: `snakemake --cores 2 figure_07`.
for figure in PAPER_FIGURES:

    rule:
        name:
            figure
        input:
            figure_file(figure),
