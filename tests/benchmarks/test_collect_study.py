"""Results of a study kept as one file for each table."""

import sys

import pandas as pd
import pytest
from conftest import copied

import collect_study
from anatomy.runtime.errors import InputError


def collect(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["collect_study.py", *map(str, arguments)])
    collect_study.main()


def test_tables_figures_and_claims_are_kept_with_what_the_runs_took(smoke_run, tmp_path, monkeypatch):
    results = copied(smoke_run, tmp_path / "smoke").folder / "results"
    output = tmp_path / "kept"
    collect(monkeypatch, "--study", "arrangements", "--results", results, "--output", output)
    summary = pd.read_csv(output / "n_l_summary.csv")
    assert summary.columns[0] == "experiment" and {*summary["experiment"]} == {"rgb", "grey"}
    own = pd.read_csv(results / "arrangements/tables/rgb/n_l_summary.csv")
    kept = summary[summary["experiment"] == "rgb"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept[own.columns], own)
    runs = pd.read_csv(output / "runs.csv")
    assert list(zip(runs["experiment"], runs["seed"], strict=True)) == [("grey", 0), ("rgb", 0), ("rgb", 1)]
    assert runs[["test_accuracy", "wall_seconds"]].notna().all(axis=None)
    figure = "figure_07.png"
    assert (output / figure).read_bytes() == (results / "arrangements/figures" / figure).read_bytes()
    assert (output / "claims.csv").is_file()

    some = ("--experiments", "rgb", "--tables", "n_l_summary", "--figures", "figure_07")
    collect(
        monkeypatch, "--study", "arrangements", "--results", results, "--output", tmp_path / "some", *some
    )
    assert {*pd.read_csv(tmp_path / "some/n_l_summary.csv")["experiment"]} == {"rgb"}
    assert pd.read_csv(tmp_path / "some/runs.csv")["seed"].tolist() == [0, 1]
    assert {path.name for path in tmp_path.glob("some/*")} == {figure, "n_l_summary.csv", "runs.csv"}
    given = ("--study", "arrangements", "--results", results, "--output", tmp_path / "none")
    for wrong in (("--experiments", "rgb", "other"), ("--figures", "figure_99")):
        with pytest.raises(InputError, match=f"{wrong[-1]}.*: there is no such file; name what is there"):
            collect(monkeypatch, *given, *wrong)
    with pytest.raises(InputError, match=r"has no table x; name some of .*n_l_summary"):
        collect(monkeypatch, *given, "--tables", "x")
    assert not (tmp_path / "none").exists()


def test_results_without_the_study_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="has no table; name results in which this study has been measured"):
        collect(monkeypatch, "--study", "curvature", "--results", tmp_path, "--output", tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
