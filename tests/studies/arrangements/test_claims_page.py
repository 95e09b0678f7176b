"""The program that judges claims, what it is given, and the pages of claims and tables."""

import re
import runpy

import numpy as np
import pandas as pd
import pytest
from claim_tables import FALLING, experiment, verdicts
from conftest import SCRIPTS, run_program

from anatomy.reporting.claims import NOT_TESTED, claim_table
from anatomy.reporting.evidence import collect_evidence
from anatomy.reporting.pages import claims_page
from anatomy.reporting.tables import mean_over_seeds, write_table
from anatomy.runtime.files import write_json
from anatomy.studies.arrangements import claims
from anatomy.studies.arrangements.claims import CLAIMS
from anatomy.studies.arrangements.tables import criticality_tables, n_l_summary, onset_table
from anatomy.studies.arrangements.tables_page import tables_page
from anatomy.training.tables import accuracy_table


def write_evidence(folder, evidence):
    """Write the tables of an experiment and the description of its data set."""
    for name, table in evidence.tables.items():
        write_table(table, folder / evidence.name / f"{name}.csv")
    description = {"name": evidence.dataset, "channels": evidence.channels}
    train = {"images": 100, "images_per_class": [10] * 10}
    write_json(folder / "dataset.json", {**description, "train": train})


def test_judge_claims_writes_the_table_and_the_page(tmp_path):
    evidence = experiment("run", end=FALLING, drops=FALLING)
    write_evidence(tmp_path, evidence)
    table, page = tmp_path / "claims.csv", tmp_path / "claims.html"
    names = ("n_l", "training", "reinitialisation", "cosines")
    run_program(
        *("judge_claims", "--study", "arrangements"),
        *("--figures", '{"figure_02": ["run"], "figure_07": ["run"], "mine": ["run"]}'),
        *("--experiments", '{"run": {"label": "VGG19, <CIFAR>", "dataset": "images"}}'),
        *("--datasets", tmp_path / "dataset.json"),
        *("--tables", *(tmp_path / f"run/{name}.csv" for name in names)),
        *("--table", table, "--page", page),
    )
    claims = pd.read_csv(table).set_index("id")
    expected = verdicts(figure_02=evidence, figure_07=evidence)
    for column in ("verdict", "verdict_half", "verdict_double"):
        assert claims[column].to_dict() == expected[column].to_dict()
    assert claims["figures"].str.contains("mine").sum() == 0
    np.testing.assert_allclose(claims["value"], expected["value"].astype(float), rtol=1e-4)
    assert claims.loc["biased-layers-critical", "data"] == "VGG19, <CIFAR>"
    text = page.read_text()
    for entry in CLAIMS:
        assert f'id="{entry.id}"' in text
    assert "Sentences of Hyperplane Arrangements of Trained ConvNets Are Biased (" in text
    assert "VGG19, &lt;CIFAR&gt;" in text
    assert "<CIFAR>" not in text


def test_judge_claims_without_any_experiment(tmp_path):
    outputs = tmp_path / "claims.csv", tmp_path / "claims.html"
    nothing = ("--figures", "{}", "--experiments", "{}", "--datasets", "--tables")
    written = ("--table", outputs[0], "--page", outputs[1])
    run_program("judge_claims", "--study", "arrangements", *nothing, *written)
    assert pd.read_csv(outputs[0])["verdict"].eq(NOT_TESTED).all()


@pytest.mark.parametrize("name", ["CLAIMS", "EVIDENCE"])
def test_a_study_that_does_not_say_what_to_judge_is_refused_in_one_line(tmp_path, monkeypatch, capsys, name):
    monkeypatch.delattr(claims, name)
    nothing = ("--figures", "{}", "--experiments", "{}", "--datasets", "--tables")
    written = ("--table", str(tmp_path / "claims.csv"), "--page", str(tmp_path / "claims.html"))
    monkeypatch.setattr("sys.argv", ["judge_claims", "--study", "arrangements", *nothing, *written])
    with pytest.raises(SystemExit):
        runpy.run_path(str(SCRIPTS / "judge_claims.py"), run_name="__main__")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: anatomy.studies.arrangements.claims has no {name}; ")
    assert not list(tmp_path.iterdir())


def test_a_table_of_an_experiment_that_is_not_described_is_refused():
    frame = pd.DataFrame({"experiment": ["other"]})
    description = {"name": "images", "channels": 3, "train": {"images": 10, "images_per_class": [5, 5]}}
    experiments = {"run": {"label": "a", "dataset": "images"}}
    with pytest.raises(ValueError, match=r"n_l.csv of other: expected one of run"):
        collect_evidence(experiments, [description], [("n_l", frame)])
    with pytest.raises(ValueError, match=r"dataset.json\) of images"):
        collect_evidence(experiments, [], [])


def test_chance_is_the_fraction_of_the_largest_class():
    description = {"name": "images", "channels": 1, "train": {"images": 10, "images_per_class": [7, 3]}}
    evidence = collect_evidence({"run": {"label": "a", "dataset": "images"}}, [description], [])
    assert (evidence["run"].chance, evidence["run"].channels) == (0.7, 1)


def test_the_number_of_false_verdicts_to_expect_stands_beside_the_table():
    """Of 17 sentences at 5 % each 0.85, of the six that a single experiment can test 0.3."""
    page = claims_page(claim_table(CLAIMS, {"figure_07": [experiment()]}))
    tested = int((verdicts(figure_07=experiment())["verdict"] != NOT_TESTED).sum())
    assert 0 < tested < 17
    assert (
        f"Of the {tested} tested here at most {0.05 * tested:.2g} false verdicts are to be expected" in page
    )
    assert "Of the 0 tested here at most 0 false verdicts" in claims_page(claim_table(CLAIMS, {}))


def test_pages_hold_everything_and_need_no_network(tmp_path):
    evidence = experiment("run", drops=FALLING)
    n_l, reinitialisation = evidence.tables["n_l"], evidence.tables["reinitialisation"]
    summary = n_l_summary(n_l)
    final = tmp_path / "run" / "seed=0" / "final.json"
    write_json(final, {"test": {"accuracy": 0.9}})
    drops = mean_over_seeds(reinitialisation, ["experiment", "layer", "name", "reset_to"], "drop")
    tables = tables_page(
        accuracy_table([evidence.tables["training"]], [final]),
        [summary],
        [onset_table(summary)],
        [drops],
        *criticality_tables([n_l], [reinitialisation], 0.1),
    )
    claims = claims_page(claim_table(CLAIMS, {"figure_07": [evidence]}))
    for text in (tables, claims):
        assert not re.search(r"https?:|src=|<script\s|<link|@import|url\(", text)
    for heading in ("Accuracies", "Fraction of negative", "Onset", "reset to their init", "critical layers"):
        assert re.search(rf"<h2 id=.*{heading}.*</h2>", tables)
    # Heading row, then 3 accuracies, three times 16 layers, 16 drops, 2 correlations.
    assert tables.count("<tr") == 6 + 3 + 4 * 16 + 2
    assert "None in this configuration" in tables_page(
        accuracy_table([evidence.tables["training"]], []), [summary], [], [], *criticality_tables([], [], 0.1)
    )
