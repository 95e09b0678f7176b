"""The smallest configuration, run once: what it makes, and what runs again after an edit."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, SCRIPTS, configured, copied, edited
from PIL import Image
from safetensors.numpy import load_file
from source_imports import BY_NAME, FOR_PEOPLE, LIBRARY, imports

from anatomy.configuration.studies import STUDIES
from anatomy.studies.arrangements.claims import CLAIMS
from collected_page import BY_HAND

PAGES = {"tabulate_criticality": 1, "render_tables": 1, "judge_claims": 1}
# The pages of all studies: what is to be explored and summed up, and settings.
SHARED = {"render_explorer": 1, "render_summary": 1}
SETTINGS = {"render_methods": 1}
# Figures that show experiments: all but the third.
DRAWN = {"plot_figure": 5}
EDIT = "\nEDITED = True\n"
FIGURES = ("02", "03", "04", "07", "21", "22")
GREY_GONE = {"tabulate_accuracies": 1, "plot_figure": 1, **PAGES, **SHARED, **SETTINGS}
IMAGES = {
    "source": "images",
    **{"path": "x", "train": 9, "test": 9, "resize": 99, "crop": 88, "train_folder": "a", "test_folder": "b"},
    **{"mean": [0.1, 0.2, 0.3], "std": [0.1, 0.2, 0.3], "homepage": "here"},
}
BELOW_RGB = {
    "train_network_rgb": 2,
    "measure_projections_rgb": 2,
    "reinitialise_layers": 2,
    "tabulate_projections": 1,
    "tabulate_training": 1,
    "tabulate_reinitialisation": 1,
    "tabulate_layers": 1,
    "tabulate_accuracies": 1,
    **PAGES,
    **DRAWN,
    **SHARED,
}


@pytest.fixture(scope="module")
def smoke(smoke_run, tmp_path_factory):
    """A checkout in which the whole smoke configuration has run; tests leave it as they found it."""
    return copied(smoke_run, tmp_path_factory.mktemp("smoke") / "checkout")


def test_every_result_is_there(smoke):
    results = smoke.folder / "results"
    for experiment, seeds in {"rgb": (0, 1), "grey": (0,)}.items():
        for seed in seeds:
            run = results / f"runs/{experiment}/seed={seed}"
            for epoch in range(3):
                assert (run / f"snapshots/epoch={epoch}.safetensors").is_file()
            for name in ("final.safetensors", "final.json", "history.csv", "run.json", "provenance.json"):
                assert (run / name).is_file()
    for figure in FIGURES:
        assert (results / f"arrangements/figures/figure_{figure}.pdf").read_bytes().startswith(b"%PDF")
        with Image.open(results / f"arrangements/figures/figure_{figure}.png") as image:
            pixels = np.asarray(image.convert("L"))
        assert min(pixels.shape) > 300
        assert 0.001 < (pixels < 128).mean() < 0.5
    assert not [path for path in results.rglob("*.tmp")]


def test_n_l_in_the_table_is_that_of_the_weights(smoke):
    table = pd.read_csv(smoke.folder / "results/arrangements/tables/rgb/n_l.csv")
    assert len(table) == 2 * 3 * 8
    for row in table.itertuples():
        path = f"results/runs/rgb/seed={row.seed}/snapshots/epoch={row.epoch}.safetensors"
        weight = load_file(smoke.folder / path)[f"{row.name}.weight"].astype(np.float64)
        assert row.n_l == pytest.approx((weight.sum((1, 2, 3)) <= 0).mean())
        assert row.filters == len(weight)
    summary = pd.read_csv(smoke.folder / "results/arrangements/tables/rgb/n_l_summary.csv")
    pair = table[(table["epoch"] == 2) & (table["layer"] == 3)]["n_l"]
    row = summary[(summary["epoch"] == 2) & (summary["layer"] == 3)].iloc[0]
    assert (row["mean"], row["std"], row["n"]) == (
        pytest.approx(pair.mean(), rel=1e-5),
        pytest.approx(pair.std(ddof=1), rel=1e-5),
        2,
    )


def test_reinitialisation_table_has_every_layer_and_reset(smoke):
    table = pd.read_csv(
        smoke.folder / "results/arrangements/tables/rgb/reinitialisation.csv", dtype={"reset_to": str}
    )
    assert len(table) == 2 * 8 * 3
    assert set(table["reset_to"]) == {"0", "1", "random"}
    assert table["images"].eq(40).all()
    np.testing.assert_allclose(table["drop"], table["trained_accuracy"] - table["accuracy"], atol=1e-6)


def test_run_json_is_a_record_of_the_settings(smoke):
    run = json.loads((smoke.folder / "results/runs/rgb/seed=1/run.json").read_text())
    assert (run["experiment"], run["seed"], run["settings"]["width"]) == ("rgb", 1, 0.0625)
    provenance = json.loads((smoke.folder / "results/runs/rgb/seed=1/provenance.json").read_text())
    assert "torch" in provenance["packages"]
    assert provenance["peak_memory"] > 10_000_000
    assert provenance["gpu_seconds"] is None


def test_pages_and_claims_are_there(smoke):
    results = smoke.folder / "results/arrangements"
    claims = pd.read_csv(results / "claims.csv")
    assert {entry.id for entry in CLAIMS} == set(claims["id"])
    row = claims.set_index("id").loc["layers-9-and-10-critical"]
    assert row["note"] == "figure_16 is not in the configuration"
    for page in ("claims.html", "tables.html"):
        assert "</html>" in (results / page).read_text()
    assert set(pd.read_csv(results / "tables/criticality.csv")["experiment"]) == {"rgb", "grey"}


def test_report_renders_with_every_figure(smoke):
    smoke.snakemake("--report", "report.html")
    report = (smoke.folder / "report.html").read_text()
    for figure in FIGURES:
        assert f"figure_{figure}.png" in report
    assert "RGB digits" in report
    assert gaps_of_switches(report) == []


def gaps_of_switches(report):
    """Return the sections whose page would be white: a second label that switches to what does not exist.

    Snakemake makes a switch of a label after the first that has two values, each at half of the results
    (`abstract_results.js`, 9.27).
    """
    results, categories = (
        json.JSONDecoder().raw_decode(report[report.index(start) + len(start) - 1 :])[0]
        for start in ("var results = {", "var categories = {")
    )
    gaps = []
    for section, parts in categories.items():
        labelled = [results[path]["labels"] for paths in parts.values() for path in paths]
        for label in list(labelled[0])[1:]:
            values = Counter(labels[label] for labels in labelled)
            if sorted(values.values()) == [len(labelled) / 2] * 2:
                others = {tuple(v for k, v in labels.items() if k != label) for labels in labelled}
                gaps += [section] * (2 * len(others) != len(labelled))
    return gaps


def test_nothing_runs_again_after_a_second_call_or_a_touch(smoke):
    assert smoke.planned() == {}
    for path in smoke.folder.rglob("*"):
        if path.is_file() and ".snakemake" not in path.parts:
            os.utime(path)
    assert smoke.planned() == {}


def test_an_edited_model_reruns_training_and_all_below(smoke):
    with edited(smoke, "src/anatomy/networks/build.py", EDIT):
        planned = smoke.planned()
    assert planned == {
        **BELOW_RGB,
        "train_network_grey": 1,
        "measure_projections_grey": 1,
        "reinitialise_layers": 3,
        "tabulate_projections": 2,
        "tabulate_training": 2,
        "tabulate_reinitialisation": 2,
        "tabulate_layers": 2,
    }
    assert smoke.planned() == {}


def test_comments_and_docstrings_rerun_nothing(smoke):
    with ExitStack() as edits:
        for path in [*smoke.folder.glob("src/**/*.py"), *smoke.folder.glob("workflow/scripts/*.py")]:
            edits.enter_context(edited(smoke, path.relative_to(smoke.folder), "\n# A comment.\n"))
        assert smoke.planned() == {}


def test_what_is_added_reruns_nothing(smoke):
    """A family of networks, a data source, a kind of figure, a study, and a key with a default."""
    library = smoke.folder / "src/anatomy"
    added = {
        library / "networks/families/mine.py": 'NAMES = ("mine",)\n',
        library / "data/sources/mine.py": "def prepare(name, settings, folder):\n    pass\n",
        library / "studies/arrangements/figures/mine.py": (
            'TABLES = ("n_l",)\nTAKES = ()\nSHOWS = "mine"\nCAPTION = "Mine."\n'
        ),
    }
    schema = smoke.folder / "workflow/schemas/config.schema.yaml"
    before = schema.read_text()
    key = "      epochs:\n        description: Number of passes"
    assert before.count(key) == 1
    new = "      mine:\n        description: New.\n        type: integer\n        default: 3\n"
    try:
        for path, text in added.items():
            path.write_text(text)
        source = (
            "\n  mine:\n    type: object\n    additionalProperties: false\n    properties: {source: {}}\n"
        )
        schema.write_text(before.replace(key, new + key) + source)
        assert smoke.planned() == {}
    finally:
        schema.write_text(before)
        for path in added:
            path.unlink()


def test_the_reason_names_the_module_or_the_key(smoke):
    with edited(smoke, "src/anatomy/networks/folding.py", EDIT):
        shown = smoke.snakemake("--dry-run", "training").stdout
    assert re.search(r"before: 'anatomy\.networks\.folding:\w+' now: 'anatomy\.networks\.folding:\w+'", shown)
    with configured(smoke, experiments__rgb__optimiser={"learning_rate": 0.02}):
        shown = smoke.snakemake("--dry-run", "training").stdout
    now = "now: 'optimiser.learning_rate=0.02 (default 0.01)'"
    assert f"before: <nothing exclusive> {now}" in shown


def test_all_asks_for_every_file_that_a_rule_makes(smoke):
    """What is deleted is missing: nothing that is made is only an input of something else."""
    printed = smoke.snakemake("--dry-run", "--forceall", "all").stdout
    (asked,) = re.findall(r"^(?:local)?rule all:\n    input: (.*)$", printed, re.MULTILINE)
    results = smoke.folder / "results"
    made = {
        path.relative_to(smoke.folder).as_posix()
        for path in results.rglob("*")
        if path.is_file() and not {"resume", "README.md"} & set(path.parts) and path.name[0] != "."
    }
    aside = {name for name in made if name.endswith((".log", ".tsv"))}
    assert set(asked.split(", ")) == made - aside


@pytest.mark.parametrize(
    ("name", "rule"),
    [("figures/figure_03.png", "plot_figure"), ("tables/rgb/cosines.csv", "tabulate_projections")],
)
def test_a_deleted_file_is_made_again(smoke, name, rule):
    path = smoke.folder / "results/arrangements" / name
    aside = path.with_name("aside")
    path.rename(aside)
    try:
        assert smoke.planned()[rule] == 1
    finally:
        aside.rename(path)
    assert smoke.planned() == {}


def test_copied_results_plan_nothing(smoke, tmp_path):
    """What docs/reruns.md says to copy."""
    for name in ("results", ".snakemake/metadata"):
        shutil.copytree(smoke.folder / name, tmp_path / name, copy_function=shutil.copy)
    result = smoke.snakemake("--dry-run", "-d", tmp_path)
    assert "Nothing to be done" in result.stdout + result.stderr


def test_every_job_is_bound_to_the_code_that_it_runs(smoke):
    """What Snakemake recorded of each job, against the imports of its program, followed independently."""
    records = [json.loads(path.read_text()) for path in smoke.folder.glob(".snakemake/metadata/**/*")]
    programs = set()
    for record in records:
        (program,) = {Path(word).name for word in record["shellcmd"].split() if word.endswith(".py")}
        programs.add(program)
        given = {text.strip("'").partition(":")[0] for text in record["params"] if ":" in text}
        needed = set()
        imports(SCRIPTS / program, needed)
        # Of the modules that are found by name, those of this job's own names concern it.
        by_name = set(BY_NAME.get(program, []))
        optional = {dotted(path) for path in by_name | only_through(by_name, needed)}
        assert {dotted(path) for path in needed} - given <= optional, record["rule"]
        assert not by_name or given & optional, record["rule"]
    of_other_studies = {
        name
        for path in (ROOT / "workflow" / "rules").glob("*.smk")
        if path.stem in STUDIES
        for name in re.findall(r'program\("(\w+\.py)"\)', path.read_text())
    }
    every = {path.name for path in SCRIPTS.glob("*.py")}
    assert programs == every - {"import_pretrained.py"} - FOR_PEOPLE - of_other_studies


def dotted(path):
    """Name of a source file as jobs are bound to it."""
    if SCRIPTS in path.parents:
        return path.name
    return ".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts).removesuffix(".__init__")


def only_through(modules, files):
    """Files that only `modules` import."""
    found = set()
    for module in modules:
        imports(module, found)
    return found & files


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["src/anatomy/studies/arrangements/figures/dynamics.py"], {"plot_figure": 1, "render_summary": 1}),
        (["workflow/scripts/plot_figure.py"], {"plot_figure": 6, "render_summary": 1}),
        (["src/anatomy/studies/arrangements/claims/bias.py"], {"judge_claims": 1, "render_summary": 1}),
        (
            [
                *(
                    f"src/anatomy/{name}.py"
                    for name in ("reporting/compare", "data/sources/torchvision", "configuration/resolve")
                ),
                "README.md",
            ],
            {},
        ),
    ],
    ids=["a kind of figure", "a program", "claims", "what no job runs"],
)
def test_an_edit_reruns_only_what_it_concerns(smoke, files, expected):
    with ExitStack() as edits:
        for file in files:
            edits.enter_context(edited(smoke, file, EDIT))
        assert smoke.planned() == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"experiments__rgb__optimiser": {"learning_rate": 0.02}}, {**BELOW_RGB, **SETTINGS}),
        (
            {"experiments__rgb__seeds": [0, 1, 7]},
            {
                **BELOW_RGB,
                **SETTINGS,
                "train_network_rgb": 1,
                "measure_projections_rgb": 1,
                "reinitialise_layers": 1,
            },
        ),
        (
            {"experiments__rgb__arrangements": {"reinitialise": {"epochs": [0]}}},
            {
                "reinitialise_layers": 2,
                "tabulate_reinitialisation": 1,
                "tabulate_layers": 1,
                "plot_figure": 1,
                **PAGES,
                **SHARED,
                **SETTINGS,
            },
        ),
        (
            {"datasets__digits-rgb__label": "digits in colour"},
            {**DRAWN, "judge_claims": 1, **SHARED, **SETTINGS},
        ),
        ({"figures__figure_07": None}, {"judge_claims": 1, "render_summary": 1}),
        # Figure 22 goes, figure 21 loses a curve.
        ({"experiments__grey": None}, GREY_GONE),
        ({"device": "auto"}, {}),
        # One that has more settings than all others, and one fewer.
        ({"datasets__another": IMAGES, "datasets__digits-grey": None, "experiments__grey": None}, GREY_GONE),
    ],
    ids=[
        *("learning rate", "another seed", "fewer resets", "a label", "no figure", "no experiment", "device"),
        "other data sets",
    ],
)
def test_a_changed_configuration_reruns_exactly_what_depends_on_it(smoke, change, expected):
    with configured(smoke, **change):
        assert smoke.planned() == expected


def test_a_retrained_run_with_the_same_weights_is_the_same(smoke):
    """Delete a snapshot: the run is restored from its working folder, not trained again."""
    run = smoke.folder / "results/runs/grey/seed=0"
    before = (run / "snapshots/epoch=1.safetensors").read_bytes()
    (run / "snapshots/epoch=1.safetensors").unlink()
    smoke.snakemake("results/runs/grey/seed=0/snapshots/epoch=1.safetensors")
    assert (run / "snapshots/epoch=1.safetensors").read_bytes() == before
    assert "finished before" in (run / "train.log").read_text()
    assert smoke.planned() == {}


def test_figures_and_claims_are_drawn_again_from_what_is_collected(smoke, tmp_path):
    """The same ones, without the results; what people wrote below the page stays."""
    overlay, output = tmp_path / "own.yaml", tmp_path / "docs"
    overlay.write_text("# Smoke: all of it.\ndevice: cpu\n")
    output.mkdir()
    for name in ("figure_01.png", "of_before.csv"):
        (output / name).write_bytes(b"of an earlier time")
    (output / "README.md").write_text(f"Earlier.\n{BY_HAND}\n\nBy hand.\n")
    command = [
        sys.executable,
        smoke.folder / "benchmarks/collect.py",
        "--configfile",
        overlay,
        "--output",
        output,
    ]
    environment = {**smoke.environment, "PYTHONPATH": str(smoke.folder / "src")}

    def collect(check=True):
        return subprocess.run(command, env=environment, check=check, stderr=subprocess.PIPE, text=True)

    collect()
    results = smoke.folder / "results"
    for name in ("arrangements/claims.csv", "accuracies.csv", "arrangements/tables/criticality.csv"):
        assert (output / Path(name).name).read_bytes() == (results / name).read_bytes()
    pictures = {path.name: path.read_bytes() for path in (results / "arrangements/figures").glob("*.png")}
    assert {path.name: path.read_bytes() for path in output.glob("*.png")} == pictures
    assert not (output / "of_before.csv").exists()
    histories = pd.read_csv(output / "rgb/training.csv")
    assert sorted(set(histories["seed"])) == [0, 1]
    record = json.loads((output / "rgb/record.json").read_text())
    final = json.loads((results / "runs/rgb/seed=1/final.json").read_text())
    assert record["seeds"]["1"]["final"] == final
    assert record["seeds"]["0"]["training"]["cpu_seconds"] > 0
    page = (output / "README.md").read_text()
    assert page.startswith("# Smoke: all of it\n") and page.endswith(f"{BY_HAND}\n\nBy hand.\n")
    drops = (
        pd.read_csv(output / "rgb/reinitialisation.csv").query("layer == 1 and reset_to == '0'")["drop"] * 100
    )
    assert f" | {drops.mean():.1f} ± {drops.std():.1f} | " in page

    results.joinpath("runs/rgb/seed=1/run.json").rename(tmp_path / "run.json")
    refused = collect(check=False)
    (tmp_path / "run.json").rename(results / "runs/rgb/seed=1/run.json")
    assert refused.returncode == 1
    assert "rgb is not finished: " in refused.stderr
