"""What jobs ask of a cluster, whatever options stand beside its profile on the command line."""

import re

import pytest
from conftest import ROOT, SMOKE

SLURM = ("--dry-run", "--workflow-profile", "profiles/slurm")
# Megabytes and minutes.
TRAINING = {"gpu": "1", "mem_mb": "3600", "runtime": "11"}
REINITIALISATION = {"gpu": "1", "mem_mb": "3600", "runtime": "11"}
DATASET = {"mem_mb": "1100", "runtime": "11"}
PROJECTIONS = {"mem_mb": "600", "runtime": "11"}


@pytest.fixture
def cluster(checkout):
    """A checkout on the head node of a cluster, which has no GPU."""
    checkout.configure({**SMOKE, "device": "auto"})
    checkout.environment["CUDA_VISIBLE_DEVICES"] = ""
    return checkout


def requests(checkout, *options):
    """GPUs, memory and time that the jobs of each rule ask for in a dry run."""
    found = {}
    printed = checkout.snakemake(*options).stdout
    for rule, resources in re.findall(
        # Those of a group are indented.
        r"^ *\w*rule ([\w-]+):\n(?:    .*\n)*? +resources: (.*)",
        printed,
        re.M,
    ):
        words = dict(word.split("=", 1) for word in resources.split(", "))
        found[rule] = {name: words[name] for name in ("gpu", "mem_mb", "runtime") if name in words}
    return found


@pytest.mark.parametrize(
    "options", [(), ("--config", "only=[grey]", "--default-resources", "slurm_account=us", "--jobs", "3")]
)
def test_jobs_on_a_cluster_ask_for_what_they_need(cluster, options):
    figures = {name: None for name in SMOKE["figures"]}
    cluster.configure({**SMOKE, "device": "auto", "figures": figures})
    found = requests(cluster, *SLURM, *options)
    assert found["train_network_grey"] == TRAINING
    assert found["reinitialise_layers"] == REINITIALISATION
    assert found["prepare_dataset"] == DATASET
    assert found["measure_projections_grey"] == PROJECTIONS


def test_without_gpus_nothing_asks_for_one(cluster):
    here = requests(cluster, "--dry-run")
    assert here["train_network_grey"]["gpu"] == here["reinitialise_layers"]["gpu"] == "0"
    on_cpus = requests(cluster, *SLURM, "--config", "device=cpu")
    # Nor for the memory that CUDA takes.
    assert on_cpus["train_network_grey"] == {"gpu": "0", "mem_mb": "700", "runtime": "11"}
    assert on_cpus["reinitialise_layers"] == {"gpu": "0", "mem_mb": "700", "runtime": "11"}


def test_short_jobs_of_several_runs_go_to_a_cluster_together(cluster):
    printed = cluster.snakemake(*SLURM, "--", "projections", "reinitialisation").stdout
    groups = printed.split("Group job ")[1:]
    rules = sorted(sorted(set(re.findall(r"^ +rule ([\w-]+):", group, re.M))) for group in groups)
    assert rules == [["measure_projections_grey", "measure_projections_rgb"], ["reinitialise_layers"]]


def test_a_larger_experiment_asks_for_more_and_a_long_reinitialisation_goes_alone(cluster):
    data = {**SMOKE["datasets"]["digits-rgb"], "train": 40_000, "test": 40_000}
    large = {"rgb": {**SMOKE["experiments"]["rgb"], "width": 1, "epochs": 300}}
    changes = {"device": "cpu", "datasets": {**SMOKE["datasets"], "digits-rgb": data}}
    cluster.configure({**SMOKE, **changes, "experiments": {**SMOKE["experiments"], **large}})
    found = requests(cluster, *SLURM, "--", "reinitialisation")
    assert int(found["train_network_rgb"]["runtime"]) == 2880
    assert int(found["train_network_rgb"]["mem_mb"]) > 2 * int(found["train_network_grey"]["mem_mb"])
    printed = cluster.snakemake(*SLURM, "--", "reinitialisation").stdout
    # Two of rgb, each alone, and one of grey in a group of its own.
    assert printed.count("Group job reinitialisation") == 1
    assert len(re.findall(r"^rule reinitialise_layers:", printed, re.M)) == 2


def test_lenet_on_digits_and_vgg19_on_imagenet_ask_for_what_each_needs(cluster):
    """Each for itself, in one configuration: minutes, and the longest that clusters commonly allow."""
    large = {"dataset": "imagenet", "architecture": "vgg19", "width": 1.0, "epochs": 75, "batch_size": 128}
    small = {"dataset": "digits-grey", "architecture": "lenet", "width": 1.0, "epochs": 10}
    cluster.configure(
        {
            **SMOKE,
            "device": "auto",
            "datasets": {**SMOKE["datasets"], "imagenet": {"source": "images", "path": "imagenet"}},
            "experiments": {"small": {**small, "arrangements": {}}, "large": {**large, "arrangements": {}}},
            "figures": {},
        }
    )
    (cluster.folder / "data/imagenet").mkdir(parents=True)
    found = requests(cluster, *SLURM, "--", "training")
    assert found["train_network_small"] == {"gpu": "1", "mem_mb": "3600", "runtime": "11"}
    assert found["train_network_large"] == {"gpu": "1", "mem_mb": "10000", "runtime": "2880"}


def test_every_rule_that_a_cluster_runs_has_its_own_memory_and_time():
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        for rule in re.split(r"^ *rule\b", path.read_text(), flags=re.M)[1:]:
            if "shell:" in rule and "localrule: True" not in rule:
                assert re.search(r"^ +mem_mb=", rule, re.M), f"{path.name}: {rule[:60]}"
                assert re.search(r"^ +runtime=", rule, re.M), f"{path.name}: {rule[:60]}"
