"""Write the page that says what was done, and with which settings."""

import argparse
from pathlib import Path

from anatomy.data.sources import settings_of
from anatomy.runtime.errors import run_program
from anatomy.runtime.files import understood, write_text
from anatomy.runtime.options import entry
from anatomy.runtime.outputs import parsed
from anatomy.runtime.regular import open_file
from anatomy.runtime.schema import read_schemas
from anatomy.runtime.settings import Settings
from anatomy.runtime.shapes import OBJECT, TEXTS, record, require_named, require_shape

NAMED = ("experiments", "datasets", "pretrained")
SETTINGS = record(studies=TEXTS, **dict.fromkeys(NAMED, OBJECT))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--settings", required=True, type=entry, help="studies, experiments, datasets, pretrained, as JSON"
    )
    parser.add_argument("--schema", required=True, type=Path, help="schema of the configuration")
    parser.add_argument("--template", required=True, type=Path, help="text, reStructuredText with Jinja")
    parser.add_argument("--output", required=True, type=Path, help="HTML to write")
    return parsed(parser, "output")


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    from anatomy.reporting.methods import methods_page

    require_shape(arguments.settings, SETTINGS, "--settings")
    for part in NAMED:
        require_named(arguments.settings[part], OBJECT, f"--settings.{part}")
    parts, settings = read_schemas(arguments.schema)["$defs"], arguments.settings
    experiments = {
        name: Settings(own, parts["experiment"]).complete() for name, own in settings["experiments"].items()
    }
    datasets = {name: settings_of(own, parts).complete() for name, own in settings["datasets"].items()}
    resolved = {**settings, "experiments": experiments, "datasets": datasets}
    with understood(arguments.template, "a template of text and Jinja", False):
        with open_file(arguments.template) as file:
            template = file.read().decode("utf-8")
        page = methods_page(resolved, template)
    write_text(arguments.output, page)


if __name__ == "__main__":
    run_program(main)
