"""The comparison of two results directories: equal but for names, and every other difference found."""

import json

import numpy as np
import pytest
from conftest import ROOT, run
from safetensors.numpy import save_file


def write(folder, weight=1.0, column="share", value=0.5, seconds=3, picture=b"%PDF", metadata=None, texts=()):
    """A results directory with files of each type; `texts` are cells and JSON values."""
    for part in ("runs/a/snapshots", "runs/a/resume", "tables", "projections", "figures"):
        (folder / part).mkdir(parents=True)
    array = {"conv.weight": np.full((2, 3), weight, np.float32)}
    save_file(array, folder / "runs/a/snapshots/epoch=0.safetensors", metadata)
    (folder / "runs/a/resume/history.csv").write_text(f"seconds\n{seconds}\n")
    (folder / "runs/a/run.json").write_text(json.dumps({column: value}))
    (folder / "tables/n.csv").write_text(f"layer,{column},seconds\n1,{value},{seconds}\n")
    (folder / "projections/0.json").write_text(json.dumps({"layers": [{column: value}]}))
    (folder / "figures/f.pdf").write_bytes(picture)
    if texts:
        (folder / "claims.csv").write_text("\n".join(["quantity", *texts, ""]))
        (folder / "projections/texts.json").write_text(json.dumps({"texts": list(texts)}))
    return folder


def compare(before, after):
    return run(ROOT / "benchmarks" / "same_results.py", before, after)


@pytest.fixture
def before(tmp_path):
    return write(tmp_path / "before")


def test_names_metadata_and_times_do_not_count(before, tmp_path):
    after = write(tmp_path / "after", column="fraction", seconds=4, metadata={"anatomy": "1"})
    result = compare(before, after)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines() == [
        "figures: 1 same bytes",
        "tables: 2 same values",
        "weights: 1 same values",
    ]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"weight": np.nextafter(np.float32(1), np.float32(2))}, ["runs/a/snapshots/epoch=0.safetensors"]),
        ({"value": 0.6}, ["projections/0.json", "tables/n.csv"]),
        ({"picture": b"%PDF "}, ["figures/f.pdf"]),
    ],
    ids=["one bit of a weight", "a value", "a picture"],
)
def test_every_difference_is_named(before, tmp_path, change, named):
    result = compare(before, write(tmp_path / "after", **change))
    assert result.returncode == 1
    assert [line for line in result.stdout.splitlines() if line.startswith("different: ")] == [
        f"different: {name}" for name in named
    ]


@pytest.mark.parametrize(("claim", "status"), [("cost-of-one-network", 0), ("another", 1)])
def test_claims_on_wall_times_are_never_the_same(before, tmp_path, claim, status):
    after = write(tmp_path / "after")
    for folder, value in ((before, 1.1), (after, 1.2)):
        (folder / "claims.csv").write_text(f"id,value\nfirst,1\n{claim},{value}\n")
    assert compare(before, after).returncode == status


def test_what_is_missing_or_new_is_named(before, tmp_path):
    after = write(tmp_path / "after")
    (after / "tables/n.csv").rename(after / "tables/other.csv")
    result = compare(before, after)
    assert result.returncode == 1
    assert {"missing: tables/n.csv", "new: tables/other.csv"} <= set(result.stdout.splitlines())
    assert compare(tmp_path / "nothing", after).returncode == 1


def test_renamed_files_and_words_are_those_of_before(tmp_path):
    old = ("Share of negative filters", "shares of one", "a has no table reinit", "re-initialised", "shared")
    new = ("Fraction of negative filters", "fractions of one", "a has no table reinitialisation")
    before = write(tmp_path / "before", texts=old)
    after = write(tmp_path / "after", texts=(*new, "reinitialised", "shared"))
    today = "arrangements/measurements/reinitialisation"
    for folder, place, tables, name in (
        (before, "reinit", "tables", "reinit"),
        (after, today, "arrangements/tables", "reinitialisation"),
    ):
        for file in (f"{place}/seed=0.csv", f"{tables}/{name}.csv", f"{tables}/{name}_summary.csv"):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text("drop\n0.5\n")
        # A name of the authors, which stays.
        (folder / tables / "reinit_layers.json").write_text("[1]")
    result = compare(before, after)
    assert result.returncode == 0, result.stdout + result.stderr
    assert {"tables: 6 same bytes", "tables: 2 same values"} <= set(result.stdout.splitlines())

    backwards = compare(after, before)
    assert backwards.returncode == 1
    missing = "missing: arrangements/tables/reinitialisation.csv"
    assert {"different: claims.csv", missing, "new: tables/reinit.csv"} <= set(backwards.stdout.splitlines())


def test_words_of_today_are_equal_to_themselves(tmp_path):
    folders = [tmp_path / "before", tmp_path / "after"]
    for seconds, folder in enumerate(folders):
        write(folder)
        (folder / "claims.csv").write_text(f"quantity,seconds\nfigures share a scale,{seconds}\n")
    result = compare(*folders)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_table_may_gain_rows_and_columns_and_lose_none(tmp_path):
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    (tmp_path / "before/a.csv").write_text("name,value,threshold\nx,1,above\ny,2,below\n")
    more = "name,value,threshold,criterion,new\nx,1,0.5,above,\nz,9,0.5,above,1\ny,2,0.5,below,\n"
    (tmp_path / "after/a.csv").write_text(more)
    assert compare(tmp_path / "before", tmp_path / "after").returncode == 0
    (tmp_path / "after/a.csv").write_text(more.replace("y,2", "y,3"))
    assert compare(tmp_path / "before", tmp_path / "after").returncode == 1
