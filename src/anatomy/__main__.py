"""The console command `anatomy`: how far a pipeline is, results checked and compared, what studies offer."""

import argparse
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from anatomy import studies
from anatomy.runtime.errors import run_program
from anatomy.runtime.options import html


def status(arguments: argparse.Namespace) -> int:
    """Print how far the runs of a configuration are."""
    from anatomy.configuration.files import read_configuration
    from anatomy.reporting.status import PlannedRun, run_status, status_text
    from anatomy.runtime.settings import snapshot_epochs

    configuration = read_configuration(arguments.project, arguments.configfile)
    results = Path(arguments.results or configuration.pathvars["results"])
    runs = [
        PlannedRun(name, seed, settings.epochs, snapshot_epochs(settings))
        for name, settings in configuration.experiments.items()
        for seed in settings.seeds
    ]
    files = {
        f"figures of {study}": [
            Path(study, "figures", f"{name}.{suffix}")
            for name, figure in configuration.figures.items()
            for suffix in ("pdf", "png")
            if figure.study == study
        ]
        for study in configuration.studies
    }
    print(status_text((run_status(run, results) for run in runs), files, results))
    return 0


def compare(arguments: argparse.Namespace) -> int:
    """Write a page on what differs in two results; 0 if nothing does."""
    from anatomy.reporting import compare as comparing
    from anatomy.runtime.files import write_text

    old, new = arguments.old, arguments.new
    comparison = comparing.compare(old, new)
    figures = comparing.overlaid_figures(comparison, old, new)
    write_text(arguments.output, comparing.comparison_page(comparison, old, new, figures))
    print(f"{comparing.in_words(comparison)}\n{arguments.output}")
    return 0 if comparison.same else 1


def verify(arguments: argparse.Namespace) -> int:
    """Print which results are not what was written; 0 if all are."""
    from anatomy.reporting import verification

    found = verification.verify(arguments.results)
    print(verification.in_words(found))
    return 0 if found.is_whole else 1


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command, with a subcommand for each thing that it does."""
    whole = argparse.ArgumentParser(prog="anatomy", description=__doc__)
    parts = whole.add_subparsers(required=True, metavar="COMMAND")
    one = parts.add_parser("status", help="what of each run exists, what is missing, when it will end")
    one.set_defaults(run=status)
    one.add_argument(
        "--configfile",
        nargs="+",
        action="extend",
        type=Path,
        default=[],
        metavar="FILE",
        help="configuration files over the default one, as Snakemake's",
    )
    one.add_argument("--project", type=Path, default=Path(), help="folder with the Snakefile; here if absent")
    one.add_argument("--results", type=Path, help="results folder; that of the configuration if absent")
    two = parts.add_parser("compare", help="what differs in two results folders; exit status 0 if nothing")
    two.set_defaults(run=compare)
    two.add_argument("old", type=Path, help="results folder")
    two.add_argument("new", type=Path, help="another one")
    two.add_argument("--output", type=html, default=Path("comparison.html"), help="page to write, .html")
    three = parts.add_parser("verify", help="which results are damaged; exit status 0 if none is")
    three.set_defaults(run=verify)
    three.add_argument(
        "results", nargs="?", type=Path, default=Path("results"), help="results folder (results)"
    )
    for name, command in _commands_of_studies():
        part = parts.add_parser(name, help=command.__doc__.splitlines()[0])
        part.set_defaults(run=command.run)
        command.add_options(part)
    return whole


def _commands_of_studies() -> Iterator[tuple[str, ModuleType]]:
    """Yield the commands that studies offer (`COMMANDS` of their `api`), each with its module."""
    for study in pkgutil.iter_modules(studies.__path__):
        api = import_module(f"{studies.__name__}.{study.name}.api")
        for name in getattr(api, "COMMANDS", ()):
            yield name, import_module(f"{studies.__name__}.{study.name}.commands.{name}")


def main(given: Sequence[str] | None = None) -> None:
    """Run the command, and exit; an `InputError` has the status 2, as wrong options have."""
    arguments = parser().parse_args(given)
    run_program(lambda: arguments.run(arguments), refused=2)
    sys.exit(0)


if __name__ == "__main__":
    main()
