from snakemake.utils import min_version

min_version("9.27")


include: "workflow/rules/common.smk"


pathvars:
    **CONFIGURATION.pathvars,


report: "workflow/report/workflow.rst"


include: "workflow/rules/inputs.smk"
include: "workflow/rules/figure_inputs.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/projections.smk"
include: "workflow/rules/pretrained.smk"
include: "workflow/rules/reinitialisation.smk"
include: "workflow/rules/tables.smk"


# The rules of the other studies, each in a file of its name.
for study in STUDIES:
    if (ROOT / f"workflow/rules/{study}.smk").is_file():

        include: f"workflow/rules/{study}.smk"


include: "workflow/rules/claims.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/near_misses.smk"


# Everything that the configuration asks for.
rule all:
    default_target: True
    input:
        branch(bool(EXPERIMENTS), then="<results>/accuracies.csv", otherwise=[]),
        expand("<results>/{study}/claims.csv", study=CLAIMING),
        expand("<results>/{study}/claims.html", study=CLAIMING),
        STUDY_FILES.values(),
        pictures(FIGURES),


rule datasets:
    input:
        expand("<results>/datasets/{dataset}/dataset.json", dataset=USED_DATASETS),


rule training:
    input:
        per_run("<results>/runs/{experiment}/seed={seed}/run.json", EXPERIMENTS),


rule projections:
    input:
        expand(
            "<results>/arrangements/tables/{experiment}/n_l.csv", experiment=MEASURED
        ),


rule pretrained:
    input:
        expand(
            "<results>/arrangements/tables/{network}/n_l_summary.csv",
            network=PRETRAINED,
        ),


rule reinitialisation:
    input:
        per_run(
            "<results>/arrangements/measurements/reinitialisation/{experiment}/seed={seed}.csv",
            REINITIALISED,
        ),


rule tables:
    input:
        branch(bool(EXPERIMENTS), then="<results>/accuracies.csv", otherwise=[]),
        expand("<results>/{study}/claims.csv", study=CLAIMING),
        expand(
            "<results>/runs/{experiment}/training_summary.csv", experiment=EXPERIMENTS
        ),
        STUDY_FILES.values(),


rule claims:
    input:
        expand("<results>/{study}/claims.csv", study=CLAIMING),
        expand("<results>/{study}/claims.html", study=CLAIMING),


rule figures:
    input:
        pictures(FIGURES),


# Everything of one study: `snakemake --cores 2 arrangements`.
for study in CONFIGURATION.studies:

    rule:
        name:
            study
        input:
            expand("<results>/{study}/claims.html", study={study} & {*CLAIMING}),
            STUDY_FILES[study],
            pictures(figures_of(study)),


refuse_names_of_rules(FIGURES)

# One target for each figure: `snakemake --cores 2 figure_07`.
for figure in {**PAPER_FIGURES, **FIGURES}:

    rule:
        name:
            figure
        input:
            figure_files(figure),
