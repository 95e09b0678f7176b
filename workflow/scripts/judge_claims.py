"""Judge the sentences of a study's paper by the tables of the experiments that its figures draw."""

import argparse
from importlib import import_module
from pathlib import Path

from anatomy.reporting.uses import claiming_studies
from anatomy.runtime.errors import InputError, run_program
from anatomy.runtime.files import read_json, understood, write_text
from anatomy.runtime.options import entry
from anatomy.runtime.outputs import parsed
from anatomy.runtime.shapes import TEXT, TEXTS, record, require_named

EXPERIMENT = record(label=TEXT, dataset=TEXT)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True, choices=claiming_studies(), help="whose claims to judge")
    parser.add_argument(
        "--figures", required=True, type=entry, help='JSON: {"figure_07": ["experiment"], ...}'
    )
    parser.add_argument(
        "--experiments",
        required=True,
        type=entry,
        help='JSON: {"experiment": {"label": "VGG19, CIFAR-10", "dataset": "cifar10"}, ...}',
    )
    parser.add_argument("--datasets", required=True, type=Path, nargs="*", help="dataset.json of each")
    parser.add_argument(
        "--tables", required=True, type=Path, nargs="*", help="TABLE.csv of each experiment, in any order"
    )
    parser.add_argument("--table", required=True, type=Path, help="CSV to write")
    parser.add_argument("--page", required=True, type=Path, help="HTML to write")
    return parsed(parser, "table", "page")


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    from anatomy.reporting.claims import claim_table
    from anatomy.reporting.evidence import collect_evidence
    from anatomy.reporting.figures import paper_of
    from anatomy.reporting.grids import read_known
    from anatomy.reporting.pages import claims_page
    from anatomy.reporting.tables import write_table

    require_named(arguments.experiments, EXPERIMENT, "--experiments")
    require_named(arguments.figures, TEXTS, "--figures")
    for figure, names in arguments.figures.items():
        for name in names:
            if name not in arguments.experiments:
                raise InputError(f"--figures: {figure} draws {name}, which --experiments does not describe")
    study = import_module(f"anatomy.studies.{arguments.study}.claims")
    paper = paper_of(import_module(f"anatomy.studies.{arguments.study}.paper"), arguments.study)
    for name in ("CLAIMS", "EVIDENCE"):
        if not hasattr(study, name):
            raise InputError(f"{study.__name__} has no {name}; see anatomy.studies.arrangements.claims")
    tables = [(path.stem, read_known(path, arguments.study)) for path in arguments.tables]
    descriptions = []
    for path in arguments.datasets:
        with understood(path, "a dataset.json"):
            descriptions.append(read_json(path))
    evidence = collect_evidence(arguments.experiments, descriptions, tables, study.EVIDENCE)
    figures = {figure: [evidence[name] for name in names] for figure, names in arguments.figures.items()}
    claims = claim_table(study.CLAIMS, figures)
    write_table(claims, arguments.table)
    write_text(arguments.page, claims_page(claims, paper.in_words))


if __name__ == "__main__":
    run_program(main)
