from snakemake.utils import min_version

min_version("9.27")


include: "workflow/rules/common.smk"


pathvars:
    **CONFIGURATION.pathvars,


report: "workflow/report/workflow.rst"


include: "workflow/rules/inputs.smk"
include: "workflow/rules/requests.smk"
include: "workflow/rules/figure_inputs.smk"
include: "workflow/rules/report_inputs.smk"
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


include: "workflow/rules/explorer.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/near_misses.smk"


# Everything that the configuration asks for: every file of every rule, so that one that is deleted is missing.
rule all:
    default_target: True
    input:
        if_asked_for(
            expand(rules.prepare_dataset.output, dataset=USED_DATASETS),
            RUN_FILES,
            TRAINING_TABLES,
            *MEASUREMENTS.values(),
            *TABLES.values(),
            expand(rules.judge_claims.output, study=CLAIMING),
            pictures(FIGURES),
            SHARED_PAGES,
        ),


rule datasets:
    input:
        expand(rules.prepare_dataset.output, dataset=USED_DATASETS),


rule training:
    input:
        if_asked_for(RUN_FILES),


rule projections:
    input:
        if_asked_for(PROJECTIONS),
        expand(rules.tabulate_projections.output, experiment=MEASURED),


rule pretrained:
    input:
        expand(rules.import_pretrained.output, network=PRETRAINED),
        expand(rules.measure_pretrained.output, network=PRETRAINED),
        expand(rules.tabulate_projections.output, experiment=PRETRAINED),


rule reinitialisation:
    input:
        per_run(rules.reinitialise_layers.output, REINITIALISED),


rule tables:
    input:
        if_asked_for(TRAINING_TABLES, *TABLES.values()),
        expand(rules.judge_claims.output, study=CLAIMING),


rule claims:
    input:
        expand(rules.judge_claims.output, study=CLAIMING),


rule explore:
    input:
        rules.render_explorer.output,


rule figures:
    input:
        pictures(FIGURES),


# Everything of one study: `snakemake --cores 2 arrangements`.
for study in CONFIGURATION.studies:

    rule:
        name:
            study
        input:
            expand(rules.judge_claims.output, study={study} & {*CLAIMING}),
            if_asked_for(MEASUREMENTS[study], TABLES[study]),
            pictures(figures_of(study)),


refuse_names_of_rules(FIGURES)

# One target for each figure: `snakemake --cores 2 figure_07`.
for figure in {**PAPER_FIGURES, **FIGURES}:

    rule:
        name:
            figure
        input:
            figure_files(figure),
