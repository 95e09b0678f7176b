"""The program that draws figures, on small tables of every kind of this study."""

import json
import runpy

import numpy as np
import pytest
from conftest import SCRIPTS, run
from PIL import Image
from studies.arrangements import made_up

from anatomy.reporting.kinds import kinds
from anatomy.reporting.tables import write_table

PROGRAM = SCRIPTS / "plot_figure.py"
KINDS = [name for name, kind in kinds().items() if ".arrangements." in kind.module]


@pytest.fixture
def tables(tmp_path):
    """The tables that a kind draws, written for each of its experiments, by kind."""
    paths = {}
    for kind in KINDS:
        paths[kind] = []
        for name, frames in made_up.tables(kind).items():
            for index, frame in enumerate(frames):
                paths[kind].append(tmp_path / kind / str(index) / f"{name}.csv")
                write_table(frame, paths[kind][-1])
    return paths


def arguments(kind, tables, output, options=None):
    """Command line of the program."""
    options = made_up.options(kind) if options is None else options
    return ["--kind", kind, "--tables", *tables[kind], "--options", json.dumps(options), "--output", *output]


def refusal(*arguments):
    """What the program says, in one line, when it refuses."""
    result = run(PROGRAM, *arguments)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    return line


@pytest.mark.parametrize("kind", KINDS)
def test_program_writes_pdf_and_png(tables, tmp_path, monkeypatch, kind):
    outputs = [tmp_path / "out" / f"figure.{suffix}" for suffix in ("pdf", "png")]
    monkeypatch.setattr("sys.argv", [str(PROGRAM), *map(str, arguments(kind, tables, outputs))])
    runpy.run_path(str(PROGRAM), run_name="__main__")
    assert outputs[0].read_bytes().startswith(b"%PDF")
    with Image.open(outputs[1]) as image:
        pixels = np.asarray(image.convert("L"))
    assert min(pixels.shape) > 300
    assert 0.001 < (pixels < 128).mean() < 0.5


def test_program_refuses_in_one_line(tables, tmp_path):
    output = tmp_path / "figure.png"
    given = arguments("histograms", tables, [output], {"labels": ["a"], "seed": 9})
    assert refusal(*given) == "error: seed 9 is not in the table; it has [0, 1]"
    assert not output.exists()


@pytest.mark.parametrize(
    ("kind", "options", "line"),
    [
        (
            "histograms",
            {"labels": ["a"], "runs": 1},
            "error: histograms: got an unexpected keyword argument 'runs'; "
            "its options are labels, seed, stand_in",
        ),
        (
            "dynamics",
            {"labels": ["a"]},
            "error: dynamics: missing a required argument: 'schedules'; its options are labels, schedules",
        ),
    ],
)
def test_options_that_a_kind_does_not_take_or_lacks_are_refused(tables, tmp_path, kind, options, line):
    assert refusal(*arguments(kind, tables, [tmp_path / "figure.png"], options)) == line


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"labels": 5}, "labels: 5 is not of type array"),
        ({"labels": "ab"}, "labels: 'ab' is not of type array"),
        ({"labels": [None]}, "labels: None is not of type string"),
        ({"labels": ["a"], "seed": 1.5}, "seed: 1.5 is not of type integer"),
        ({"labels": ["a"], "stand_in": "yes"}, "stand_in: 'yes' is not of type boolean"),
    ],
)
def test_options_of_wrong_types_are_refused_and_no_table_is_blamed(tables, tmp_path, options, said):
    given = arguments("histograms", tables, [tmp_path / "figure.png"], options)
    assert refusal(*given) == f"error: --options: {said}"


def test_a_missing_table_is_named(tables, tmp_path):
    given = ("--kind", "dynamics", "--tables", tables["histograms"][-1], "--output", tmp_path / "figure.png")
    assert refusal(*given) == "error: dynamics: --tables lacks n_l_summary.csv, training_summary.csv"


def test_a_name_of_no_format_is_refused(tables, tmp_path):
    result = run(PROGRAM, *arguments("histograms", tables, [tmp_path / "x.zzz"]))
    assert result.returncode == 2
    assert "x.zzz'; expected a name that ends in .pdf, .png, " in result.stderr


def test_an_unknown_kind_is_refused(tmp_path):
    line = refusal("--kind", "pie", "--output", tmp_path / "figure.png")
    assert line.startswith("error: 'pie' is not a kind of figure; allowed: ")
