"""Programs that read tables of n_l and of resets, or projections, that cannot be what was measured."""

import json

import pandas as pd
import pytest
from claim_tables import FALLING, experiment
from conftest import SCRIPTS, run
from test_claims_page import write_evidence
from test_tables import write_projections, write_reinitialisation

from anatomy.reporting.tables import write_table

CUT = {
    "cut off": lambda frame: frame[: len(frame) * 3 // 4 - 3],
    "doubled": lambda frame: pd.concat([frame, frame[5:6]]),
    "without a layer of one seed": lambda frame: frame.query("not (seed == 1 and layer == 16)"),
}
IMPOSSIBLE = [
    *(("n_l", "n_l", value) for value in (5, -1, float("inf"), None)),
    *(("n_l", "filters", value) for value in (0, -8, 8.5)),
    *(("n_l", "undefined", value) for value in (401, -1)),
    *(("reinitialisation", "relative_drop", value) for value in (5, float("inf"), -99)),
    ("reinitialisation", "drop", 2),
]


@pytest.fixture(scope="module")
def evidence():
    """An experiment of which the tables are as the pipeline writes them."""
    return experiment("run", end=FALLING, drops=FALLING)


def refusal(program, *arguments):
    """What a program says, in one line, when it refuses."""
    result = run(SCRIPTS / f"{program}.py", *arguments)
    assert result.returncode == 1, result.stderr
    (line,) = result.stderr.splitlines()
    return line


def judging(folder):
    """Arguments to judge the claims on the tables of a folder."""
    tables = [folder / f"run/{name}.csv" for name in ("n_l", "training", "reinitialisation", "cosines")]
    return (
        *("--study", "arrangements", "--figures", '{"figure_02": ["run"]}'),
        *("--experiments", '{"run": {"label": "a", "dataset": "images"}}'),
        *("--datasets", folder / "dataset.json", "--tables", *tables),
        *("--table", folder / "claims.csv", "--page", folder / "claims.html"),
    )


def comparing(folder, n_l, resets):
    """Arguments to compare bias and criticality."""
    return (
        *("--n-l", n_l, "--reinitialisation", resets, "--critical-drop", 0.1),
        *("--output", folder / "criticality.csv", "--layers", folder / "layers.csv"),
    )


@pytest.mark.parametrize("name", ["n_l", "reinitialisation"])
@pytest.mark.parametrize("how", CUT)
def test_no_claim_is_judged_on_a_table_that_lost_rows(tmp_path, evidence, name, how):
    write_evidence(tmp_path, evidence)
    path = tmp_path / f"run/{name}.csv"
    write_table(CUT[how](evidence.tables[name]), path)
    line = refusal("judge_claims", *judging(tmp_path))
    assert line.startswith(f"error: {path} has ") and "it is cut off or damaged; delete it" in line
    assert not (tmp_path / "claims.csv").exists()


def test_no_figure_is_drawn_of_a_table_that_lost_rows(tmp_path, evidence):
    path = tmp_path / "reinitialisation.csv"
    write_table(CUT["cut off"](evidence.tables["reinitialisation"]), path)
    options = json.dumps({"labels": ["a"], "runs": 3})
    drawing = ("--kind", "heatmaps", "--options", options, "--output", tmp_path / "figure.png")
    assert refusal("plot_figure", *drawing, "--tables", path).startswith(f"error: {path} has ")


@pytest.mark.parametrize(("name", "column", "value"), IMPOSSIBLE)
def test_a_value_that_cannot_be_is_not_computed_with(tmp_path, evidence, name, column, value):
    write_evidence(tmp_path, evidence)
    frame, path = evidence.tables[name].copy(), tmp_path / f"run/{name}.csv"
    frame[column] = frame[column].astype(float)
    frame.loc[20, column] = value
    write_table(frame, path)
    tables = [tmp_path / f"run/{each}.csv" for each in ("n_l", "reinitialisation")]
    line = refusal("tabulate_criticality", *comparing(tmp_path, *tables))
    row = frame.loc[20]
    assert line.startswith(f"error: {path}: ")
    assert column in line and f"seed {row['seed']}" in line and f"layer {row['layer']}" in line


def test_resets_of_another_experiment_are_not_compared(tmp_path, evidence):
    n_l, resets = tmp_path / "n_l.csv", tmp_path / "reinitialisation.csv"
    write_table(evidence.tables["n_l"], n_l)
    write_table(evidence.tables["reinitialisation"].assign(experiment="other"), resets)
    line = refusal("tabulate_criticality", *comparing(tmp_path, n_l, resets))
    assert line == f"error: {resets} is of other, of which --n-l has no table; give its n_l.csv too"


def tabulating(folder, *projections):
    """Arguments to tabulate projections."""
    outputs = ("n-l", "summary", "onset", "cosines", "histograms")
    written = [text for name in outputs for text in (f"--{name}", folder / f"{name}.csv")]
    return ("--projections", *projections, "--cosines-of", projections[0], *written)


def test_a_measurement_that_is_given_twice_is_no_second_seed(tmp_path):
    path, other = write_projections(tmp_path, 0, 10), tmp_path / "copy.json"
    other.write_bytes(path.read_bytes())
    for second in (path, other):
        line = refusal("tabulate_projections", *tabulating(tmp_path, path, second))
        expected = f"{path} and {second} are both of experiment plain, seed 0, epoch 10; give each"
        assert line.startswith(f"error: {expected}")
    resets = write_reinitialisation(tmp_path / "seed=0.csv", 0)
    written = ("--table", tmp_path / "table.csv", "--summary", tmp_path / "summary.csv")
    line = refusal("tabulate_reinitialisation", "--reinitialisation", resets, resets, *written)
    assert line.startswith(f"error: {resets} and {resets} are both of experiment plain, seed 0; give each")
    assert not list(tmp_path.glob("*summary.csv"))


def test_projections_of_two_experiments_are_not_mixed(tmp_path):
    first, second = write_projections(tmp_path, 0, 10), write_projections(tmp_path, 1, 10)
    second.write_text(second.read_text().replace('"plain"', '"other"'))
    line = refusal("tabulate_projections", *tabulating(tmp_path, first, second))
    assert line == (f"error: {second} is of experiment other, {first} of plain; give files of one experiment")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda own: own["1"]["1"].update(projections=0.5), "layer 1: projections are 0.5, expected a list"),
        (lambda own: own["1"]["1"]["projections"].pop(), "layer 1: projections are 3 numbers, expected a li"),
        (
            lambda own: own["1"]["2"]["projections"].__setitem__(2, 99),
            "layer 2: projections: that of filter ",
        ),
        (
            lambda own: own["layers"][2]["cosines"].__setitem__(0, -7),
            "layer 3: cosines: that of filter 0 is ",
        ),
        (
            lambda own: own["layers"][0].update(n_l=2),
            "layer 1: n_l is 2, expected 3 of 4, as many cosines are ",
        ),
        (lambda own: own["layers"][0].update(n_l=0.5), "layer 1: n_l is 0.5, expected 3 of 4"),
        (lambda own: own["layers"][0].update(n_l=True), "layer 1: n_l is True, expected 3 of 4"),
        (lambda own: own["layers"][0].update(n_l=None), "layer 1: n_l is None, expected 3 of 4"),
        (lambda own: own.update(epoch="-2"), "epoch is -2 in the row of"),
    ],
)
def test_projections_that_cannot_be_are_refused_with_their_file(tmp_path, change, expected):
    path = write_projections(tmp_path, 0, 10)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    line = refusal("tabulate_projections", *tabulating(tmp_path, path))
    assert line.startswith(f"error: {path}: {expected}")


@pytest.mark.parametrize("change", [{"seed": 1.5}, {"seed": True}, {"epoch": "1.5"}, {"epoch": [1]}])
def test_a_seed_or_epoch_that_is_no_integer_is_not_rounded_to_one(tmp_path, change):
    path = write_projections(tmp_path, 0, 10)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    line = refusal("tabulate_projections", *tabulating(tmp_path, path))
    assert line.startswith(f"error: {path} is damaged, or not a file of measure_projections.py")


def test_layers_are_those_of_one_experiment(tmp_path, evidence):
    paths = [tmp_path / name / "n_l.csv" for name in ("one", "other")]
    for path in paths:
        path.parent.mkdir()
        write_table(evidence.tables["n_l"], path)
    line = refusal("tabulate_layers", "--tables", *paths, "--output", tmp_path / "layers.csv")
    assert line == "error: --tables has two of one name; expected those of one experiment"


def test_a_key_that_a_file_has_twice_is_refused(tmp_path):
    path = write_projections(tmp_path, 0, 10)
    path.write_text(path.read_text().replace('"seed": "0"', '"seed": "0", "seed": "1"'))
    line = refusal("tabulate_projections", *tabulating(tmp_path, path))
    assert line.startswith(f"error: {path} is damaged, ") and "'seed' is there twice" in line


def test_trained_weights_are_not_called_pretrained(tmp_path):
    paths = [write_projections(tmp_path, 0, epoch) for epoch in (0, 5, 9)]
    paths[-1].write_text(paths[-1].read_text().replace('"epoch": "9"', '"epoch": "-1"'))
    line = refusal("tabulate_projections", *tabulating(tmp_path, *paths))
    assert "expected no epoch but 0 beside pretrained weights (-1), which is not so in the row of" in line


def test_tables_of_one_experiment_are_compared_once(tmp_path, evidence):
    n_l, resets = tmp_path / "n_l.csv", tmp_path / "reinitialisation.csv"
    write_table(evidence.tables["n_l"], n_l)
    write_table(evidence.tables["reinitialisation"], resets)
    options = ("--critical-drop", 0.1, "--output", tmp_path / "all", "--layers", tmp_path / "layers")
    twice = ("--n-l", n_l, n_l, "--reinitialisation", resets)
    line = refusal("tabulate_criticality", *twice, *options)
    assert line == f"error: {n_l} and {n_l} are both of run; give each once"
