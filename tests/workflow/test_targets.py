"""What would run for a target or a configuration, what is refused, and what survives a kill."""

import re
import shutil
import subprocess
import time
from collections import Counter
from copy import deepcopy

import psutil
import pytest
import yaml
from conftest import ROOT, SMOKE, STUDIES, configured, edited, plan
from forked import run_snakemake
from snakemake.utils import update_config

from anatomy.data.presence import OFFICIAL
from anatomy.studies.arrangements.paper import FIGURES

# No request leaves the machine: nothing listens there.
NOWHERE = "http://127.0.0.1:9"
PICTURE = "results/arrangements/figures/figure_03.pdf"
PAGES = {"tabulate_criticality": 1, "render_tables": 1, "judge_claims": 1}
# Of the whole run, asked for by no target of a part of it.
WHOLE = {"render_explorer": 1, "render_methods": 1, "render_summary": 1}


def test_partial_targets(checkout):
    checkout.configure(SMOKE)
    assert checkout.planned("figure_07") == {
        "prepare_dataset": 1,
        "train_network_rgb": 2,
        "measure_projections_rgb": 2,
        "tabulate_projections": 1,
        "tabulate_training": 1,
        "plot_figure": 1,
        "figure_07": 1,
    }
    snapshot = "results/runs/rgb/seed=1/snapshots/epoch=1.safetensors"
    assert checkout.planned(snapshot) == {"prepare_dataset": 1, "train_network_rgb": 1}
    everything = jobs_of({"studies": {"arrangements": {}}, **SMOKE})
    parts = {rule: count for rule, count in everything.items() if rule not in WHOLE}
    without_plots = {rule: count for rule, count in parts.items() if rule != "plot_figure"}
    assert checkout.planned("tables") == {**without_plots, "tables": 1}
    targets = ("datasets", "training", "projections", "reinitialisation", "tables", "claims", "figures")
    assert checkout.planned(*targets) == {**parts, **dict.fromkeys(targets, 1)}


def test_all_asks_for_every_output_of_every_study(checkout):
    """What is deleted is missing, also where what was made of it stays; `tables` asks for tables alone."""
    evaluated = {"corruptions": {"path": "corrupted", "types": ["fog"]}}
    config = {"experiments": {"subspaces-line": {"subspaces": evaluated}}}
    (checkout.folder / "corrupted.yaml").write_text(yaml.safe_dump(config))
    targets = ("all", *STUDIES, "tables")
    arguments = ("--dry-run", "--forceall", "--configfile", "corrupted.yaml", "--", *targets)
    printed = checkout.snakemake(*arguments).stdout
    jobs = re.findall(r"^(?:local)?rule (\w+):\n    input: (.*)$", printed, re.MULTILINE)
    asked = {target: set(files.split(", ")) for target, files in jobs if target in targets}
    lines = re.findall("^    output: (.*)$", printed, re.MULTILINE)
    made = {file for line in lines for file in line.split(", ")}
    assert asked["all"] == made
    assert any("/corruptions/" in file for file in made)
    measurements = {file for file in made if "/measurements/" in file}
    for study in STUDIES:
        own = {file for file in measurements if file.startswith(f"results/{study}/")}
        assert own and asked[study] & measurements == own
    assert asked["tables"] and not asked["tables"] & measurements


def test_snakemake_does_not_poll_for_jobs_unless_a_limit_is_asked_for(checkout):
    """Its limit on jobs in a second looks for them once more each second for every job that has ended."""
    checkout.configure(SMOKE)
    rule = "rule quick:\n    output: 'quick.txt'\n    shell: 'touch {output}'"
    said = "onsuccess:\n    print('limited:', workflow.scheduler.job_rate_limiter is not None)"
    with edited(checkout, "Snakefile", f"\n{rule}\n\n{said}\n"):
        assert "limited: False" in checkout.snakemake("quick.txt").stdout
        limit = "--max-jobs-per-timespan", "50/2s"
        assert "limited: True" in checkout.snakemake("--forceall", *limit, "quick.txt").stdout


def put_files(data, config):
    """Put empty files and folders where a configuration looks for its data and weights."""
    paths = []
    for own in config["datasets"].values():
        paths += OFFICIAL[own["official"]].archives if own and "official" in own else []
        paths += [own["path"]] if own and "path" in own else []
    for own in config.get("studies", {}).get("arrangements", {}).get("pretrained", {}).values():
        paths.append(own.get("path") or re.sub("bn$", "_bn", own["architecture"]) + "-01234567.pth")
    for path in paths:
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        (data / path).touch()


def expanded(experiments, name):
    """An experiment with what it inherits, by the documented rules, from the YAML alone."""
    own = deepcopy(experiments[name])
    if parent := own.pop("like", None):
        inherited = expanded(experiments, parent)
        update_config(inherited, own)
        return inherited
    return own


def jobs_of(config):
    """Jobs of a whole run by rule, counted from the YAML alone."""
    every = config["experiments"]
    experiments = {name: expanded(every, name) for name in config.get("only", every)}
    experiments = {name: own for name, own in experiments.items() if "dataset" in own}
    jobs = Counter()
    for name, own in experiments.items():
        seeds = len({**config["defaults"], **own}["seeds"])
        jobs[f"train_network_{name}"] = jobs[f"measure_projections_{name}"] = seeds
        resets = own["arrangements"]["reinitialise"]
        if resets["epochs"] or resets["random"]:
            jobs["reinitialise_layers"] += seeds
            jobs["tabulate_reinitialisation"] += 1
    jobs["prepare_dataset"] = len({own["dataset"] for own in experiments.values()})
    jobs["tabulate_training"] = jobs["tabulate_layers"] = len(experiments)
    pretrained = config["studies"]["arrangements"].get("pretrained", {})
    jobs += Counter({"import_pretrained": len(pretrained), "measure_pretrained": len(pretrained)})
    jobs["tabulate_projections"] = len(experiments) + len(pretrained)
    jobs["tabulate_accuracies"] = 1
    for name, own in config["figures"].items():
        drawn = [own.get(key) for key in ("experiment", "pretrained")] + own.get("experiments", [])
        drawn = [name for name in drawn if name is not None]
        on = [name for name in drawn if name in experiments or name in pretrained]
        if on == drawn or (on and FIGURES[name].kind == "first_layer"):
            jobs["plot_figure"] += 1
    return dict(jobs + Counter({**PAGES, **WHOLE}))


@pytest.mark.parametrize(
    "overlay", [None, "laptop", "real-images", "precision", "cifar10", "paper/arrangements"]
)
def test_shipped_configurations_plan_exactly_these_jobs(checkout, overlay):
    config = yaml.safe_load((ROOT / "config/studies/arrangements.yaml").read_text())
    update_config(config, yaml.safe_load((ROOT / "config.yaml").read_text()))
    if overlay:
        update_config(config, yaml.safe_load((ROOT / "config" / f"{overlay}.yaml").read_text()))
    # Of the first study alone.
    others = {"studies": {study: None for study in STUDIES if study != "arrangements"}}
    (checkout.folder / "others.yaml").write_text(yaml.safe_dump(others))
    put_files(checkout.folder / "data", config)
    arguments = ["--configfile", *[f"config/{overlay}.yaml"] * bool(overlay), "others.yaml", "--"]
    planned = checkout.planned(*arguments)
    assert planned == jobs_of(config)
    assert sum(planned.values()) < 2000
    if overlay in (None, "paper/arrangements"):
        assert planned["plot_figure"] == len(FIGURES)


def test_a_bad_configuration_is_refused_before_any_job(checkout):
    with configured(checkout, experiments__rgb__epoch=3):
        result = checkout.snakemake(check=False)
    assert result.returncode != 0
    assert "experiments.rgb.epoch: unknown key; allowed: like, dataset, " in result.stderr
    assert "Traceback" not in result.stderr
    assert not list((checkout.folder / "results").glob("[!R]*"))


@pytest.mark.parametrize("name", ["DATA", "RUNS_PER_GPU"])
def test_an_old_variable_alone_is_refused_before_any_job(checkout, name):
    checkout.environment[f"HYPERPLANES_{name}"] = "1"
    result = checkout.snakemake("datasets", check=False)
    assert result.returncode != 0
    assert f"error: HYPERPLANES_{name} is set but ANATOMY_{name} is not" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (checkout.folder / "results/datasets").exists()


@pytest.mark.parametrize(
    ("target", "change", "message"),
    [
        ("figure_22", {"experiments__grey": None}, "error: figure_22 needs grey, which is switched off"),
        (
            "results/arrangements/figures/figure_03.pdf",
            {"figures__figure_03": None},
            "error: figure_03 is switched off",
        ),
    ],
)
def test_a_figure_that_the_configuration_lacks_is_refused(checkout, target, change, message):
    with configured(checkout, **change):
        result = checkout.snakemake("--dry-run", target, check=False)
    assert result.returncode != 0
    assert message in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_threads_that_compute_are_those_of_the_configuration(checkout):
    """Fewer cores make a run slower, not another one."""
    checkout.configure({**SMOKE, "defaults": {**SMOKE["defaults"], "threads": 2}})
    for cores in (1, 2):
        options = ("--dry-run", "--printshellcmds", "training")
        printed = checkout.snakemake(*options, cores=cores).stdout
        assert f"--threads 2 --workers $(({cores} > 2 " in printed


def test_an_experiment_that_is_switched_off_takes_its_figures_along(checkout):
    with configured(checkout, experiments__rgb=None):
        result = checkout.snakemake("--dry-run")
    gone = "figure_02, figure_04, figure_07, figure_22 left out"
    line = f"switched off (null, or not in `only`): rgb; figures: {gone}; figure_21 drawn without\n"
    assert line in result.stderr
    assert plan(result) == {
        "prepare_dataset": 1,
        "train_network_grey": 1,
        "measure_projections_grey": 1,
        "reinitialise_layers": 1,
        "tabulate_projections": 1,
        "tabulate_training": 1,
        "tabulate_reinitialisation": 1,
        "tabulate_layers": 1,
        "tabulate_accuracies": 1,
        "plot_figure": 2,
        **PAGES,
        **WHOLE,
    }


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_missing_data_are_named_before_any_job(checkout, options):
    """Without a network: all of them, where they were looked for, what to get, and where to put it."""
    checkout.environment |= {"http_proxy": NOWHERE, "https_proxy": NOWHERE}
    result = checkout.snakemake(
        *options, "--configfile", "config/real-images.yaml", "--", "tables", check=False
    )
    assert result.returncode != 0
    for words in (
        "Get cifar-10-python.tar.gz from there",
        "put it into data; or put cifar10-images.tar.gz (JPEG",
    ):
        assert result.stderr.count(words) == 1
    assert result.stderr.count("put them into data/MNIST/raw; or put mnist-images.tar.gz (PNG") == 1
    assert "Traceback" not in result.stderr
    assert not [path for path in (checkout.folder / "results").rglob("*") if path.name != "README.md"]


def test_missing_weights_and_folders_are_named_before_any_job(checkout):
    checkout.environment |= {"http_proxy": NOWHERE, "https_proxy": NOWHERE}
    options = ("--dry-run", "--configfile", "config/paper/arrangements.yaml", "--")
    weights = checkout.snakemake(*options, "pretrained", check=False).stderr
    assert "vgg19-*.pth not found" in weights and "imagenet-matconvnet-alex.mat not found" in weights
    assert "imagenet not found; looked for data/imagenet" in checkout.snakemake(*options, check=False).stderr


def test_labels_say_that_copies_stand_in(checkout):
    put_files(
        checkout.folder / "data",
        {"datasets": {"copies": {"source": "folder", "path": "cifar10-images.tar.gz"}}},
    )
    overlay = (
        "--dry-run",
        "--printshellcmds",
        "--configfile",
        "config/laptop.yaml",
        "--",
        "figure_07",
        "claims",
    )
    result = checkout.snakemake(*overlay)
    assert (
        "data set cifar10: JPEG copies (data/cifar10-images.tar.gz) stand in for the official"
        in result.stderr
    )
    assert result.stdout.count("CIFAR-10 (JPEG copies)") >= 2
    assert '"encoding": "JPEG copies"' in result.stdout


def test_a_killed_workflow_goes_on(checkout):
    """Kill Snakemake and its job in training; after --unlock it continues and ends in the same weights."""
    with_more_epochs = {**SMOKE, "defaults": {**SMOKE["defaults"], "epochs": 12}}
    checkout.configure(with_more_epochs)
    rule = checkout.folder / "workflow/rules/training.smk"
    rule.write_text(rule.read_text().replace(" --gpus", " --save-every 0 --gpus"))
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


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("figure_7", "error: figure_7 is no target; did you mean figure_07?"),
        ("tabels", "error: tabels is no target; did you mean tables?"),
        ("zzz", "error: zzz is no target; snakemake --list lists all"),
    ],
)
def test_a_target_that_does_not_exist_is_answered_with_the_one_that_was_meant(checkout, target, answer):
    checkout.configure(SMOKE)
    result = checkout.snakemake("--dry-run", target, check=False)
    assert result.returncode != 0
    assert result.stderr.splitlines()[-1] == answer


@pytest.mark.parametrize("name", ["tables", "train_network_rgb"])
def test_a_figure_with_the_name_of_a_target_is_refused(checkout, name):
    with configured(checkout, **{f"figures__{name}": {"kind": "dynamics", "experiment": "rgb"}}):
        result = checkout.snakemake("--dry-run", check=False)
    assert f"error: configuration: figures.{name}: {name} is the name of a target" in result.stderr


def test_a_figure_of_ones_own_is_a_target_and_no_claim_is_judged_on_it(checkout):
    with configured(checkout, figures__mine={"kind": "dynamics", "experiment": "grey"}):
        assert checkout.planned("mine")["plot_figure"] == 1
        plain = checkout.snakemake("--dry-run", "--printshellcmds", "claims").stdout
    checkout.configure(SMOKE)
    assert "mine" not in plain


def test_all_studies_off_leaves_nothing_to_do(checkout):
    with configured(checkout, studies__arrangements=None):
        assert checkout.planned() == {}


def test_another_directory_has_the_same_jobs(checkout, tmp_path):
    """`-d`, from a project whose path has a space, which may not be written to."""
    checkout.configure(SMOKE)
    project = tmp_path / "a project"
    checkout.folder.rename(project)
    here = tmp_path / "else where"
    here.mkdir()
    arguments = ["-s", project / "Snakefile", "-d", here, "--cores", "1"]
    arguments += ["results/datasets/digits-grey/dataset.json", "figure_03"]
    before = {path for path in project.rglob("*") if "__pycache__" not in path.parts}
    result = run_snakemake(arguments, tmp_path, checkout.environment)
    assert result.returncode == 0, result.stderr
    assert (here / "results/datasets/digits-grey/dataset.json").is_file()
    assert (here / "results/arrangements/figures/figure_03.png").is_file()
    assert {path for path in project.rglob("*") if "__pycache__" not in path.parts} == before
    again = tmp_path / "moved"
    project.rename(again)
    arguments[1] = again / "Snakefile"
    result = run_snakemake([*arguments, "--dry-run"], tmp_path, checkout.environment)
    assert "Nothing to be done" in result.stdout + result.stderr


def planned_as_a_module(checkout, folder, *targets, options="", rules=""):
    """Plan targets of another workflow, of which this one, with LeNet alone, is a module."""
    checkout.configure(SMOKE)
    (folder / "Snakefile").write_text(f"""
module anatomy:
    snakefile: "{checkout.folder / "Snakefile"}"
    config: {{"only": ["grey"], "figures": {{"figure_02": None, "figure_22": None}}}}
    {options}

use rule * from anatomy as anatomy_*
{rules}
""")
    return run_snakemake(["--cores", "1", "--dry-run", *targets], folder, checkout.environment)


def test_as_a_module_of_another_workflow(checkout, tmp_path):
    rules = """
use rule judge_claims from anatomy as anatomy_judge_claims with:
    threads: 2

rule mine:
    default_target: True
    input: "results/arrangements/figures/figure_21.png"
"""
    result = planned_as_a_module(checkout, tmp_path, rules=rules)
    jobs = plan(result)
    assert jobs["anatomy_train_network_grey"] == jobs["mine"] == jobs["anatomy_plot_figure"] == 1, (
        result.stderr
    )
    assert not [name for name in jobs if "rgb" in name]


def test_a_target_of_a_module_below_a_prefix(checkout, tmp_path):
    result = planned_as_a_module(checkout, tmp_path, "anatomy_training", options='prefix: "below"')
    assert plan(result)["anatomy_train_network_grey"] == 1, result.stdout + result.stderr
    assert "below/results/runs/grey/seed=0/run.json" in result.stdout
    assert "below/below" not in result.stdout


def test_a_target_of_a_study_that_is_off_says_so(checkout):
    with configured(checkout, studies__arrangements=None):
        for target in ("figure_07", "figure_03", "arrangements"):
            result = checkout.snakemake("--dry-run", target, check=False)
            assert "arrangements" in result.stderr.splitlines()[-1]
            assert "switched off (null)" in result.stderr.splitlines()[-1]


def test_every_value_that_a_rule_hands_to_a_shell_is_quoted():
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        for shell in re.findall(r"^ +shell:\n((?:^ +.*\"\n)+)", path.read_text(), re.MULTILINE):
            # Within $(( )) a shell takes numbers only.
            text = re.sub(r"\$\(\(.*?\)\)", "", shell)
            plain = re.findall(r"\{(?!threads|resources)[^{}]*?(?<!:q)\}", text)
            assert not plain, f"{path.name}: {plain}"
