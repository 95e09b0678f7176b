"""Write the page that says what was done, and with which settings."""

import argparse
from pathlib import Path

from anatomy.reporting.methods import methods_page
from anatomy.runtime.errors import run_program
from anatomy.runtime.files import write_text
from anatomy.runtime.options import entry
from anatomy.runtime.own_code import is_own
from anatomy.runtime.schema import read_schemas
from anatomy.runtime.settings import Settings


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--settings", required=True, type=entry, help="studies, experiments, datasets, pretrained, as JSON"
    )
    parser.add_argument("--schema", required=True, type=Path, help="schema of the configuration")
    parser.add_argument("--template", required=True, type=Path, help="text, reStructuredText with Jinja")
    parser.add_argument("--output", required=True, type=Path, help="HTML to write")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    parts, settings = read_schemas(arguments.schema)["$defs"], arguments.settings
    experiments = {
        name: Settings(own, parts["experiment"]).complete() for name, own in settings["experiments"].items()
    }
    datasets = {
        name: Settings(own, parts["own_source" if is_own(own["source"]) else own["source"]]).complete()
        for name, own in settings["datasets"].items()
    }
    resolved = {**settings, "experiments": experiments, "datasets": datasets}
    write_text(arguments.output, methods_page(resolved, arguments.template.read_text(encoding="utf-8")))


if __name__ == "__main__":
    run_program(main)
