"""Write the summary: on one screen what came out, the first page of the report."""

import argparse
from pathlib import Path

from anatomy.runtime.checksums import require_recorded
from anatomy.runtime.errors import InputError, run_program
from anatomy.runtime.files import write_text
from anatomy.runtime.options import entry
from anatomy.runtime.outputs import parsed
from anatomy.runtime.regular import open_file
from anatomy.runtime.shapes import OBJECT, TEXT, TEXTS, record, require_named, require_shape

STUDY = record(paper=TEXT, headline=TEXTS)
WORDS = record(ran=TEXT, note=TEXT, links=OBJECT, caption=TEXT)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--studies",
        required=True,
        type=entry,
        help='JSON: {"study": {"paper": "...", "headline": ["claim"]}}',
    )
    parser.add_argument("--words", required=True, type=entry, help="ran, note, links, caption, as JSON")
    parser.add_argument("--claims", required=True, type=Path, nargs="*", help="STUDY/claims.csv of each")
    parser.add_argument("--figure", required=True, type=Path, nargs="*", help="picture to show, PNG")
    parser.add_argument("--output", required=True, type=Path, help="HTML to write")
    return parsed(parser, "output")


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    import pandas as pd

    from anatomy.reporting.claims import COLUMNS
    from anatomy.reporting.summary import StudySummary, summary_page
    from anatomy.reporting.tables import read_table

    require_named(arguments.studies, STUDY, "--studies")
    require_shape(arguments.words, WORDS, "--words")
    require_named(arguments.words["links"], TEXT, "--words.links")
    for path in arguments.claims:
        if path.parent.name not in arguments.studies:
            raise InputError(f"--claims: {path} is not in the folder of a study of --studies; leave it out")
    claims = {path.parent.name: read_table(path) for path in arguments.claims}
    none = pd.DataFrame(columns=COLUMNS)
    studies = [
        StudySummary(name, own["paper"], claims.get(name, none), own["headline"])
        for name, own in arguments.studies.items()
    ]
    words, figure = arguments.words, None
    for path in arguments.figure:
        if not path.is_relative_to(arguments.output.parent):
            raise InputError(f"--figure {path} is not below {arguments.output.parent}, where the page is")
        inside = path.relative_to(arguments.output.parent).as_posix()
        require_recorded(path)
        with open_file(path) as file:
            figure = file.read(), words["caption"], inside
    write_text(arguments.output, summary_page(studies, words["ran"], words["links"], words["note"], figure))


if __name__ == "__main__":
    run_program(main)
