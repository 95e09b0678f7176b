"""The pipeline on a real Slurm: the same bytes as on one machine, and a GPU of its own for each training.

`make test-slurm` runs this inside `run.sh`. Networks compute on the CPU; GPUs are files, which Slurm hands
out as it does real ones.
"""

import csv
import json
import os
import subprocess

import pytest
import slurm_cluster as cluster
from conftest import SMOKE, Checkout

pytestmark = pytest.mark.skipif("ANATOMY_TEST_SLURM" not in os.environ, reason="needs Slurm: make test-slurm")

PROFILE = (
    *("--workflow-profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "2"),
    *("--slurm-partition-config", "profiles/slurm/partitions.yaml", "--latency-wait", "5"),
)
# For a copy of the library: real claims of devices, noted, and a CPU to compute on; epochs that take as long
# as SLOW says, so that there is time for what is done to them.
NOTED_CLAIMS = '''

_claim_device = claim_device


@contextmanager
def claim_device(gpus):
    """Hold a device as programs do, note which and when, and compute on the CPU."""
    import json

    if gpus == 0:
        yield "cpu"
        return
    with _claim_device(gpus):
        facts = {"node": os.environ["SLURMD_NODENAME"], "device": os.environ["CUDA_VISIBLE_DEVICES"]}
        begin = time.time()
        try:
            yield "cpu"
        finally:
            with open(os.environ["CLAIMS"], "a") as file:
                file.write(json.dumps({**facts, "begin": begin, "end": time.time()}) + "\\n")
'''
SLOW_EPOCHS = '''

_advance = WorkingFolder.advance


def _slow_advance(self, kept):
    """Train an epoch, and wait."""
    import os

    _advance(self, kept)
    end = time.monotonic() + float(os.environ.get("SLOW", "0"))
    while time.monotonic() < end:
        signals.check()
        time.sleep(0.02)


WorkingFolder.advance = _slow_advance
'''
TINY = {
    "device": "cuda",
    "save_every": 1,
    "datasets": {"digits": SMOKE["datasets"]["digits-grey"]},
    "defaults": {"architecture": "lenet", "dataset": "digits", "epochs": 2, "batch_size": 32, "seeds": [0]},
    "studies": {"arrangements": {}},
}


def experiments(count_of_seeds, **changes):
    """A configuration of tiny experiments of these names, each with so many seeds."""
    entries = {name: {"arrangements": {}, "seeds": list(range(n))} for name, n in count_of_seeds.items()}
    return {**TINY, "experiments": entries, "defaults": {**TINY["defaults"], **changes}}


@pytest.fixture
def slow(checkout, tmp_path):
    """A checkout whose epochs take half a second in jobs of Slurm, and which notes who has which device."""
    for file, text in (("runtime/devices", NOTED_CLAIMS), ("training/working_folder", SLOW_EPOCHS)):
        with open(checkout.folder / f"src/anatomy/{file}.py", "a") as opened:
            opened.write(text)
    checkout.environment |= {"CLAIMS": str(tmp_path / "claims"), "SLOW": "0.5"}
    return checkout


def started(checkout, *options):
    """Start Snakemake on Slurm; it goes on."""
    log = open(checkout.folder / "snakemake.log", "a")  # noqa: SIM115
    return subprocess.Popen(
        ["snakemake", *PROFILE, *options],
        cwd=checkout.folder,
        env=checkout.environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def finished(process, checkout, seconds=400):
    """Wait for a Snakemake to end well."""
    assert process.wait(seconds) == 0, (checkout.folder / "snakemake.log").read_text()[-8000:]


def local_results(checkout, *targets):
    """What a run without Slurm makes of the same configuration."""
    environment = {**checkout.environment, "SLOW": "0"}
    config = (checkout.folder / "config.yaml").read_text()
    other = Checkout.__new__(Checkout)
    other.folder, other.environment = checkout.folder, environment
    (checkout.folder / "local.yaml").write_text("device: cpu\npathvars: {results: local}\n")
    other.snakemake("--configfile", "local.yaml", "--", *targets)
    assert (checkout.folder / "config.yaml").read_text() == config
    return checkout.folder / "local"


def contents(folder):
    """Files of results that are the same in every run, by name: bytes, and of tables all but times."""
    varying = {".log", ".tsv", ".html", ".pdf", ".png", ".lock"}
    return {
        str(path.relative_to(folder)): without_times(path) if path.suffix == ".csv" else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix not in varying
        and path.name not in ("provenance.json", ".lock")
        and "resume" not in path.parts
    }


def without_times(table):
    """Rows of a table without its column of seconds, if it has one."""
    with open(table, newline="", encoding="utf-8") as file:
        return [{key: row[key] for key in row if key != "seconds"} for row in csv.DictReader(file)]


def assert_same_bytes(folder, other):
    """Compare two directories of results file by file."""
    ours, theirs = contents(folder), contents(other)
    assert ours.keys() == theirs.keys()
    assert not [name for name in ours if ours[name] != theirs[name]]


def test_eight_trainings_on_four_gpus_share_none(slow, tmp_path):
    slow.configure(experiments({"many": 8}))
    process = started(slow, "--", "training")
    finished(process, slow)
    claims = [json.loads(line) for line in (tmp_path / "claims").read_text().splitlines()]
    assert len(claims) == 8
    assert {claim["device"] for claim in claims} <= {"0", "1", "2", "3"}
    assert_never_shared(claims)
    assert_same_bytes(slow.folder / "results/runs", local_results(slow, "training") / "runs")


def test_two_trainings_in_one_allocation_have_a_gpu_each(slow, tmp_path):
    slow.configure(experiments({"pair": 2}, epochs=30))
    command = "snakemake --cores 2 --resources gpu=2 -- training"
    options = ("--partition", "faults", "--gpus", "2", "--nodes", "1", "--cpus-per-task", "2", "--wait")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in slow.environment.items():
            patch.setenv(name, value)
        cluster.output_of(
            *("sbatch", *options, "--chdir", str(slow.folder), "--output", str(tmp_path / "job.log")),
            *("--wrap", command),
        )
    claims = [json.loads(line) for line in (tmp_path / "claims").read_text().splitlines()]
    assert {claim["device"] for claim in claims} == {"0", "1"}
    assert max(claim["begin"] for claim in claims) < min(claim["end"] for claim in claims)


def assert_never_shared(claims):
    """No device of a node is held by two at a time."""
    for index, one in enumerate(claims):
        for other in claims[:index]:
            if (one["node"], one["device"]) == (other["node"], other["device"]):
                assert one["end"] <= other["begin"] or other["end"] <= one["begin"]


def test_a_training_that_diverges_is_named_at_the_end(slow):
    slow.environment["SLOW"] = "0"
    slow.configure(experiments({"diverging": 1}, optimiser={"learning_rate": 1e30}))
    assert started(slow, "--retries", "1", "--", "training").wait(400) == 1
    printed = (slow.folder / "snakemake.log").read_text()
    assert "failed: train_network_diverging: results/runs/diverging/seed=0/train.log: error: " in printed
    assert len(printed.splitlines()) < 200
