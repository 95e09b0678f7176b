"""What jobs ask of a cluster, whatever options stand beside its profile on the command line."""

import re

import pytest
from conftest import ROOT, SMOKE

SLURM = ("--dry-run", "--workflow-profile", "profiles/slurm")
# Megabytes and minutes.
TRAINING = {"gpu": "1", "mem_mb": "6000", "runtime": "2880"}
REINITIALISATION = {"gpu": "1", "mem_mb": "4000", "runtime": "720"}
DATASET = {"mem_mb": "2000", "runtime": "240"}
PROJECTIONS = {"mem_mb": "2000", "runtime": "60"}


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
        r"^\w*rule ([\w-]+):\n(?:    .*\n)*?    resources: (.*)", printed, re.M
    ):
        words = dict(word.split("=") for word in resources.split(", "))
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
    assert on_cpus["train_network_grey"] == {**TRAINING, "gpu": "0"}
    assert on_cpus["reinitialise_layers"] == {**REINITIALISATION, "gpu": "0"}


def test_every_rule_that_a_cluster_runs_has_its_own_memory_and_time():
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        for rule in re.split(r"^ *rule\b", path.read_text(), flags=re.M)[1:]:
            if "shell:" in rule and "localrule: True" not in rule:
                assert re.search(r"^ +mem_mb=", rule, re.M), f"{path.name}: {rule[:60]}"
                assert re.search(r"^ +runtime=", rule, re.M), f"{path.name}: {rule[:60]}"
