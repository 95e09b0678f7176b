"""Programs from tables to pages: inputs that are missing, damaged or of others are named on one line."""

import json
import os
import runpy
import sys

import numpy as np
import pytest
from conftest import ROOT, SCRIPTS
from safetensors.numpy import save_file

from anatomy.runtime import readings

NAMES = json.dumps({"plain": {"label": "plain", "dataset": "digits"}})
SETTINGS = json.dumps({"studies": [], "experiments": {}, "datasets": {}, "pretrained": {}})
WORDS = json.dumps({"ran": "", "note": "", "links": {}, "caption": ""})
WRONG_OPTIONS = [
    ("judge_claims", "--figures", {"figure_07": [["plain"]]}, "figure_07: ['plain'] is not of type string"),
    ("judge_claims", "--figures", {"figure_07": "plain"}, "figure_07: 'plain' is not of type array"),
    ("judge_claims", "--experiments", {"plain": {"label": 5, "dataset": "a"}}, "plain.label: 5 is not of"),
    ("judge_claims", "--experiments", {"plain": {"label": "a"}}, "plain.dataset is missing"),
    ("judge_claims", "--experiments", {"plain": None}, "plain: None is not of type object"),
    ("render_explorer", "--labels", {"plain": 5}, "plain: 5 is not of type string"),
    (
        "render_methods",
        "--settings",
        {"studies": 1, "experiments": {}},
        "--settings.studies: 1 is not of type",
    ),
    (
        "render_methods",
        "--settings",
        {"studies": [], "experiments": None},
        "--settings.experiments is missing",
    ),
    (
        "render_methods",
        "--settings",
        {"studies": [], "experiments": {"a": 1}, "datasets": {}, "pretrained": {}},
        "--settings.experiments: a: 1 is not of type object",
    ),
    ("render_summary", "--studies", {"a": {"paper": 5, "headline": []}}, "--studies: a.paper: 5 is not of"),
    (
        "render_summary",
        "--studies",
        {"a": {"paper": "a", "headline": 5}},
        "a.headline: 5 is not of type array",
    ),
    ("render_summary", "--studies", {"a": {"paper": None, "headline": []}}, "--studies: a.paper is missing"),
    (
        "render_summary",
        "--words",
        {"ran": "", "note": "", "links": {"a": 5}, "caption": ""},
        "links: a: 5 is",
    ),
    ("render_summary", "--words", {"ran": "", "note": "", "links": [], "caption": ""}, "links: [] is not of"),
    ("render_summary", "--words", {"note": "", "links": {}, "caption": ""}, "--words.ran is missing"),
]
STUDIES = json.dumps({"study": {"paper": "x", "headline": []}})
SCHEMA = str(ROOT / "workflow" / "schemas" / "config.schema.yaml")
LABELS = json.dumps({"labels": ["plain"], "runs": 1})
# Options of every program that reads what others have made: BAD stands for the input, OUT for an output.
PROGRAMS = {
    "judge_claims": [
        *("--study", "arrangements", "--figures", '{"figure_07": ["plain"]}', "--experiments", NAMES),
        *("--datasets", "BAD", "--tables", "BAD", "--table", "OUT", "--page", "OUT"),
    ],
    "plot_figure": ["--kind", "heatmaps", "--tables", "BAD", "--options", LABELS, "--output", "OUT"],
    "render_explorer": ["--layers", "BAD", "--histograms", "--labels", "{}", "--output", "OUT"],
    "render_methods": ["--settings", SETTINGS, "--schema", "BAD", "--template", "BAD", "--output", "OUT"],
    "render_summary": [
        *("--studies", STUDIES, "--words", WORDS, "--claims", "BAD", "--figure", "--output", "OUT")
    ],
    "render_tables": [
        *("--accuracies", "BAD", "--summaries", "BAD", "--onsets", "BAD", "--drops", "BAD"),
        *("--criticality", "BAD", "--layers", "BAD", "--output", "OUT"),
    ],
    "tabulate_accuracies": ["--training", "BAD", "--final", "BAD", "--output", "OUT"],
    "tabulate_corruptions": ["--corruptions", "BAD", "--table", "OUT"],
    "tabulate_criticality": [
        *("--n-l", "BAD", "--reinitialisation", "BAD", "--critical-drop", "0.1"),
        *("--output", "OUT", "--layers", "OUT"),
    ],
    "tabulate_curvature": ["--measurements", "PARENT", "--output", "OUT"],
    "tabulate_ends": ["--ends", "BAD", "--geometry", "OUT", "--layers", "OUT"],
    "tabulate_invariance": ["--measurements", "BAD", "--output", "OUT"],
    "tabulate_invariance_networks": ["--tables", "BAD", "--output", "OUT"],
    "tabulate_layers": ["--tables", "BAD", "--output", "OUT"],
    "tabulate_projections": [
        *("--projections", "BAD", "--cosines-of", "BAD", "--n-l", "OUT", "--summary", "OUT"),
        *("--onset", "OUT", "--cosines", "OUT", "--histograms", "OUT"),
    ],
    "tabulate_reinitialisation": ["--reinitialisation", "BAD", "--table", "OUT", "--summary", "OUT"],
    "tabulate_subspaces": [
        *("--evaluations", "BAD", "--predictions", "BAD"),
        *("--table", "OUT", "--summary", "OUT", "--ensembles", "OUT", "--plane", "OUT"),
    ],
    "tabulate_training": [
        *("--experiment", "plain", "--seeds", "0", "--histories", "BAD", "--training", "OUT"),
        *("--summary", "OUT"),
    ],
}
# What a program is given, under the name that its own input has.
INPUTS = {
    "missing": None,
    "empty": b"",
    "binary": bytes(range(256)) * 8,
    "cut off": b"experiment,seed,epoch\nplain,0,",
    "of others": b"name,number\na,1\nb,2\n",
    "no columns": b"\n\n",
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "list": b"[1, 2]\n",
    "mapping": b'{"experiment": "plain", "seed": "x", "layers": 3, "test": {}, "epochs": 1}\n',
    "directory": "folder",
    "tensors": "tensors",
}
NAMED = {
    "plot_figure": "reinitialisation.csv",
    "tabulate_layers": "n_l.csv",
    "tabulate_accuracies": "plain/seed=0/final.json",
    "tabulate_curvature": "seed=0/arrays.npz",
    "render_explorer": "study/tables/plain/layers.csv",
    "render_summary": "study/claims.csv",
}


@pytest.fixture
def run_here(monkeypatch, capsys, own_signals):
    """Run a program of workflow/scripts in this process; return its exit status and lines on stderr."""
    monkeypatch.setattr(readings, "_READ", {})

    def run(program, options):
        monkeypatch.setattr(sys, "argv", [program, *options])
        try:
            runpy.run_path(str(SCRIPTS / f"{program}.py"), run_name="__main__")
            status = 0
        except SystemExit as stop:
            status = stop.code
        return status, capsys.readouterr().err.splitlines()

    return run


def test_every_program_of_tables_and_pages_is_here():
    kinds = ("judge_", "plot_", "render_", "tabulate_")
    assert PROGRAMS.keys() == {path.stem for path in SCRIPTS.glob("*.py") if path.stem.startswith(kinds)}


@pytest.mark.parametrize("given", INPUTS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_input_of_others_is_named_on_one_line(program, given, run_here, tmp_path):
    path = tmp_path / "read" / NAMED.get(program, "n_l.csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    content = INPUTS[given]
    if content == "folder":
        path.mkdir()
    elif content == "tensors":
        save_file({"labels": np.arange(3)}, path, {"seed": "x"})
    elif content is not None:
        path.write_bytes(content)
    if program == "tabulate_curvature":
        (path.parent / "curvature.json").write_text(json.dumps({"experiment": "a", "seed": 0, "epochs": []}))
    stands_for = {"BAD": path, "PARENT": path.parent}
    # Each output is another one; a figure's name says its format.
    options = [
        str(tmp_path / f"out-{number}.png" if word == "OUT" else stands_for.get(word, word))
        for number, word in enumerate(PROGRAMS[program])
    ]
    status, lines = run_here(program, options)
    assert status == 1 and len(lines) == 1, lines
    assert lines[0].startswith("error: ") and path.name in lines[0], lines
    assert " at 0x" not in lines[0]
    assert not [*tmp_path.glob("out-*")]


@pytest.mark.parametrize(("program", "option", "value", "said"), WRONG_OPTIONS)
def test_an_option_of_another_shape_is_named_before_any_file_is_read(program, option, value, said, run_here):
    words = ["missing" if word in ("BAD", "OUT") else word for word in PROGRAMS[program]]
    words = [f"{word}-{number}" if word == "missing" else word for number, word in enumerate(words)]
    words[words.index(option) + 1] = json.dumps(value)
    status, (line,) = run_here(program, words)
    assert status == 1 and line.startswith(f"error: {option}") and said in line


@pytest.mark.parametrize("option", ["--template", "--figure"])
def test_a_pipe_in_place_of_a_file_does_not_hang(option, run_here, tmp_path):
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    given = {
        "--template": ("render_methods", "--settings", SETTINGS, "--schema", SCHEMA, option, str(pipe)),
        "--figure": (
            *("render_summary", "--studies", STUDIES, "--words", WORDS, "--claims"),
            *(option, str(pipe)),
        ),
    }
    program, *options = given[option]
    status, (line,) = run_here(program, [*options, "--output", str(tmp_path / "page.html")])
    assert status == 1 and line.startswith(f"error: {pipe} is a pipe, expected a file")
