"""The workflow as its user sees it: what it makes, what runs again after an edit, what it refuses."""

import json
import os
import re
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import yaml
from conftest import ROOT, Checkout
from PIL import Image
from safetensors.numpy import load_file
from test_pins import imports

from hyperplanes.claims import CLAIMS

SMOKE = yaml.safe_load((ROOT / "tests/smoke.yaml").read_text())
PLOTS = {"plot_dynamics": 1, "plot_heatmaps": 1, "plot_histograms": 1, "plot_first_layer": 1}
PAGES = {"tabulate_criticality": 1, "render_tables": 1, "check_claims": 1}
# What shows experiments, and every figure of the smallest configuration.
DRAWN = {**PLOTS, "plot_comparison": 1}
ALL_PLOTS = {**DRAWN, "plot_arrangement": 1}
FIGURES = ("02", "03", "04", "07", "21", "22")
BELOW_RGB = {
    "train_network_rgb": 2,
    "measure_projections_rgb": 2,
    "reinitialise_layers": 2,
    "tabulate_projections": 1,
    "tabulate_training": 1,
    "tabulate_reinit": 1,
    "tabulate_accuracies": 1,
    **PAGES,
    **DRAWN,
}


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """A checkout in which the whole smoke configuration has run; tests leave it as they found it."""
    folder = tmp_path_factory.mktemp("smoke")
    checkout = Checkout(folder)
    checkout.configure(SMOKE)
    checkout.snakemake()
    return checkout


@contextmanager
def edited(checkout, name, text):
    """Append `text` to a file for a while."""
    path = checkout.folder / name
    before = path.read_text()
    path.write_text(before + text)
    try:
        yield
    finally:
        path.write_text(before)


@contextmanager
def configured(checkout, **changes):
    """Change the configuration for a while; keys are dotted paths with `__`."""
    config = yaml.safe_load(yaml.safe_dump(SMOKE))
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = config
        for key in parents:
            place = place.setdefault(key, {})
        place[last] = value
    checkout.configure(config)
    try:
        yield
    finally:
        checkout.configure(SMOKE)


def test_every_result_is_there(smoke):
    results = smoke.folder / "results"
    for experiment, seeds in {"rgb": (0, 1), "grey": (0,)}.items():
        for seed in seeds:
            run = results / f"runs/{experiment}/seed={seed}"
            for epoch in range(3):
                assert (run / f"snapshots/epoch={epoch}.safetensors").is_file()
            for name in ("final.safetensors", "history.csv", "run.json", "provenance.json"):
                assert (run / name).is_file()
    for figure in FIGURES:
        assert (results / f"figures/figure_{figure}.pdf").read_bytes().startswith(b"%PDF")
        with Image.open(results / f"figures/figure_{figure}.png") as image:
            pixels = np.asarray(image.convert("L"))
        assert min(pixels.shape) > 300
        assert 0.001 < (pixels < 128).mean() < 0.5
    assert not [path for path in results.rglob("*.tmp")]


def test_n_l_in_the_table_is_that_of_the_weights(smoke):
    table = pd.read_csv(smoke.folder / "results/tables/rgb/n_l.csv")
    assert len(table) == 2 * 3 * 8
    for row in table.itertuples():
        path = f"results/runs/rgb/seed={row.seed}/snapshots/epoch={row.epoch}.safetensors"
        weight = load_file(smoke.folder / path)[f"{row.name}.weight"].astype(np.float64)
        assert row.n_l == pytest.approx((weight.sum((1, 2, 3)) <= 0).mean())
        assert row.filters == len(weight)
    summary = pd.read_csv(smoke.folder / "results/tables/rgb/n_l_summary.csv")
    pair = table[(table["epoch"] == 2) & (table["layer"] == 3)]["n_l"]
    row = summary[(summary["epoch"] == 2) & (summary["layer"] == 3)].iloc[0]
    assert (row["mean"], row["std"], row["n"]) == (
        pytest.approx(pair.mean(), rel=1e-5),
        pytest.approx(pair.std(ddof=1), rel=1e-5),
        2,
    )


def test_reinit_table_has_every_layer_and_reset(smoke):
    table = pd.read_csv(smoke.folder / "results/tables/rgb/reinit.csv", dtype={"reset_to": str})
    assert len(table) == 2 * 8 * 3
    assert set(table["reset_to"]) == {"0", "1", "random"}
    assert table["images"].eq(40).all()
    np.testing.assert_allclose(table["drop"], table["trained_accuracy"] - table["accuracy"], atol=1e-6)


def test_run_json_is_a_record_of_the_settings(smoke):
    run = json.loads((smoke.folder / "results/runs/rgb/seed=1/run.json").read_text())
    assert (run["experiment"], run["seed"], run["settings"]["width"]) == ("rgb", 1, 0.0625)
    provenance = json.loads((smoke.folder / "results/runs/rgb/seed=1/provenance.json").read_text())
    assert "torch" in provenance["packages"]


def test_pages_and_claims_are_there(smoke):
    tables = smoke.folder / "results/tables"
    claims = pd.read_csv(tables / "claims.csv")
    assert {entry.id for entry in CLAIMS} == set(claims["id"])
    row = claims.set_index("id").loc["layers-9-and-10-critical"]
    assert row["note"] == "figure_16 is not in the configuration"
    for page in ("claims.html", "tables.html"):
        assert "</html>" in (tables / page).read_text()
    assert set(pd.read_csv(tables / "criticality.csv")["experiment"]) == {"rgb", "grey"}


def test_report_renders_with_every_figure(smoke):
    smoke.snakemake("--report", "report.html")
    report = (smoke.folder / "report.html").read_text()
    for figure in FIGURES:
        assert f"figure_{figure}.png" in report
    assert "RGB digits" in report


def test_nothing_runs_again_after_a_second_call_or_a_touch(smoke):
    assert smoke.planned() == {}
    for path in smoke.folder.rglob("*"):
        if path.is_file() and ".snakemake" not in path.parts:
            os.utime(path)
    assert smoke.planned() == {}


def test_an_edited_model_reruns_training_and_all_below(smoke):
    with edited(smoke, "src/hyperplanes/architectures.py", "\n# edited\n"):
        planned = smoke.planned()
    assert planned == {
        **BELOW_RGB,
        "train_network_grey": 1,
        "measure_projections_grey": 1,
        "reinitialise_layers": 3,
        "tabulate_projections": 2,
        "tabulate_training": 2,
        "tabulate_reinit": 2,
    }
    assert smoke.planned() == {}


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("workflow/scripts/plot_dynamics.py", {"plot_dynamics": 1}),
        ("src/hyperplanes/claims.py", {"check_claims": 1}),
        ("src/hyperplanes/rendering.py", {"render_tables": 1, "check_claims": 1}),
        ("src/hyperplanes/plotting.py", ALL_PLOTS),
        ("src/hyperplanes/arrangement.py", {"plot_arrangement": 1}),
        ("src/hyperplanes/figures.py", {}),
        ("src/hyperplanes/official.py", {}),
        ("src/hyperplanes/configuration.py", {}),
        ("README.md", {}),
    ],
)
def test_an_edit_reruns_only_what_it_concerns(smoke, file, expected):
    with edited(smoke, file, "\n# edited\n"):
        assert smoke.planned() == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"experiments__rgb__optimiser": {"learning_rate": 0.02}}, BELOW_RGB),
        (
            {"experiments__rgb__seeds": [0, 1, 7]},
            {
                **BELOW_RGB,
                "train_network_rgb": 1,
                "measure_projections_rgb": 1,
                "reinitialise_layers": 1,
            },
        ),
        (
            {"experiments__rgb__reinitialise": {"epochs": [0]}},
            {
                "reinitialise_layers": 2,
                "tabulate_reinit": 1,
                "tabulate_accuracies": 1,
                "plot_heatmaps": 1,
                **PAGES,
            },
        ),
        ({"datasets__digits-rgb__label": "digits in colour"}, {**DRAWN, "check_claims": 1}),
        ({"figures__figure_07": None}, {"check_claims": 1}),
        # Figure 22 goes, figure 21 loses a curve.
        ({"experiments__grey": None}, {"tabulate_accuracies": 1, "plot_first_layer": 1, **PAGES}),
        ({"device": "auto"}, {}),
    ],
    ids=["learning rate", "another seed", "fewer resets", "a label", "no figure", "no experiment", "device"],
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


def test_partial_targets(checkout):
    checkout.configure(SMOKE)
    assert checkout.planned("figure_07") == {
        "prepare_dataset": 1,
        "train_network_rgb": 2,
        "measure_projections_rgb": 2,
        "tabulate_projections": 1,
        "tabulate_training": 1,
        "plot_dynamics": 1,
        "figure_07": 1,
    }
    snapshot = "results/runs/rgb/seed=1/snapshots/epoch=1.safetensors"
    assert checkout.planned(snapshot) == {"prepare_dataset": 1, "train_network_rgb": 1}
    everything = checkout.planned()
    for target, rule in {
        "datasets": "prepare_dataset",
        "training": "train_network_rgb",
        "projections": "measure_projections_rgb",
        "reinit": "reinitialise_layers",
        "tables": "tabulate_accuracies",
        "claims": "check_claims",
        "figures": "plot_heatmaps",
    }.items():
        planned = checkout.planned(target)
        assert planned.pop(target) == 1
        assert planned[rule] == everything[rule]
        assert planned.keys() <= everything.keys()


def jobs_of(experiments, seeds, datasets):
    """Jobs of a whole run in which every experiment resets layers and every figure is drawn."""
    jobs = {
        f"{rule}_{name}": seeds for rule in ("train_network", "measure_projections") for name in experiments
    }
    tables = ("tabulate_projections", "tabulate_training", "tabulate_reinit")
    return {
        **jobs,
        **dict.fromkeys(tables, len(experiments)),
        "prepare_dataset": datasets,
        "reinitialise_layers": seeds * len(experiments),
        "tabulate_accuracies": 1,
        **PAGES,
        "plot_arrangement": 1,
        **PLOTS,
    }


@pytest.mark.parametrize(
    ("overlay", "expected"),
    [
        (None, jobs_of(["rgb-step", "rgb-smooth", "grey-lenet-smooth"], 3, 2)),
        ("config/cifar10-small.yaml", jobs_of(["cifar10-step"], 3, 1)),
    ],
)
def test_shipped_configurations_plan_exactly_these_jobs(checkout, overlay, expected):
    assert checkout.planned(*(["--configfile", overlay] if overlay else [])) == expected


def test_every_job_is_bound_to_the_code_that_it_runs(checkout):
    """Inputs of each rule against the imports of its program, followed through the library."""
    checkout.configure(SMOKE)
    result = checkout.snakemake("--dry-run", "--forceall")
    lists = re.findall(r"^    input: (workflow/scripts/.*)$", result.stdout + result.stderr, re.MULTILINE)
    assert len(lists) == sum(checkout.planned().values())
    sources = {"embedded", "official", "folder", "vision", "decoding", "image_files", "progress"}
    for inputs in lists:
        program, *files = inputs.split(", ")
        given = {Path(f).stem for f in files if f.startswith("src/")}
        followed = set()
        imports(ROOT / program, followed)
        needed = {path.stem for path in followed - {ROOT / program}} | {"__init__"}
        if program.endswith("prepare_dataset.py"):
            # Only the module of the data set's own source concerns it.
            needed -= sources - {"embedded"}
        assert given == needed, program


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"experiments__rgb__epoch": 3}, "experiments.rgb.epoch: unknown key; allowed: dataset, "),
        ({"experiments__rgb__architecture": "vgg17"}, "experiments.rgb.architecture: 'vgg17' is not allowed"),
        ({"experiments__rgb__snapshots": [0, 9]}, "experiments.rgb.snapshots: epoch 9 is past the end"),
        ({"experiments__rgb__seeds": [1, 1]}, "experiments.rgb.seeds: 1 is listed twice"),
        (
            {"experiments__rgb__reinitialise": {"epochs": [], "random": False}},
            "figures.figure_02: experiment 'rgb' resets nothing",
        ),
    ],
)
def test_a_bad_configuration_is_refused_before_any_job(checkout, change, message):
    with configured(checkout, **change):
        result = checkout.snakemake(check=False)
    assert result.returncode != 0
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not list((checkout.folder / "results").glob("[!R]*"))


@pytest.mark.parametrize(
    ("target", "change", "message"),
    [
        (
            "figure_16",
            {},
            "error: figure_16 needs an experiment: VGG19 on CIFAR-100, smooth schedule; "
            "name it under figures.figure_16 in the configuration",
        ),
        (
            "results/figures/figure_07.pdf",
            {"figures__figure_07": None},
            "error: figure_07 needs an experiment",
        ),
        ("figure_09", {}, "figure_09 needs a pretrained network, or an experiment in its place: VGG16"),
        ("figure_03", {"figures__figure_03": None}, "set figures.figure_03 to {} in the configuration"),
        ("figure_22", {"experiments__grey": None}, "figure_22 needs grey, switched off with null"),
    ],
)
def test_a_figure_that_the_configuration_lacks_is_refused(checkout, target, change, message):
    with configured(checkout, **change):
        result = checkout.snakemake("--dry-run", target, check=False)
    assert result.returncode != 0
    assert message in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_an_experiment_that_is_switched_off_takes_its_figures_along(checkout):
    with configured(checkout, experiments__rgb=None):
        result = checkout.snakemake("--dry-run")
        planned = checkout.planned()
    gone = "figure_02, figure_04, figure_07, figure_22 left out"
    assert f"switched off: rgb; figures: {gone}; figure_21 drawn without\n" in result.stderr
    assert planned == {
        "prepare_dataset": 1,
        "train_network_grey": 1,
        "measure_projections_grey": 1,
        "reinitialise_layers": 1,
        "tabulate_projections": 1,
        "tabulate_training": 1,
        "tabulate_reinit": 1,
        "tabulate_accuracies": 1,
        "plot_first_layer": 1,
        "plot_arrangement": 1,
    }


def test_a_missing_archive_says_where_it_looked_and_leaves_nothing(checkout):
    overlay = ("--configfile", "config/cifar10-small.yaml")
    result = checkout.snakemake(*overlay, "--", "datasets", check=False)
    assert result.returncode != 0
    assert "cifar10-images.tar.gz not found; looked for data/cifar10-images.tar.gz" in result.stderr
    assert "Get it from https://" in result.stderr
    left = [path.name for path in (checkout.folder / "results/cifar10-small").rglob("*") if path.is_file()]
    assert left == ["prepare_dataset.log"]


def test_a_killed_workflow_goes_on(checkout):
    """Kill Snakemake and its job in training; after --unlock it continues and ends in the same weights."""
    with_more_epochs = {**SMOKE, "defaults": {**SMOKE["defaults"], "epochs": 12}}
    checkout.configure(with_more_epochs)
    rule = checkout.folder / "workflow/rules/training.smk"
    rule.write_text(rule.read_text().replace("--threads 1", "--threads 1 --save-every 0"))
    run = checkout.folder / "results/runs/rgb/seed=0"
    target = "results/runs/rgb/seed=0/run.json"
    process = subprocess.Popen(
        ["snakemake", "--cores", "1", target],
        cwd=checkout.folder,
        env=checkout.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    log = run / "train.log"
    while not (log.is_file() and "epoch 2/" in log.read_text()):
        assert process.poll() is None
        time.sleep(0.02)
    # Jobs of Snakemake have process groups of their own.
    children = psutil.Process(process.pid).children(recursive=True)
    for victim in [process, *children]:
        victim.kill()
    psutil.wait_procs(children)
    process.wait()
    assert not (run / "run.json").exists()

    checkout.snakemake("--unlock")
    checkout.snakemake(target)
    assert "continuing after epoch" in log.read_text()
    final = (run / "final.safetensors").read_bytes()
    shutil.rmtree(run)
    checkout.snakemake(target)
    assert "continuing" not in log.read_text()
    assert (run / "final.safetensors").read_bytes() == final
