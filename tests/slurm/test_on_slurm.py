"""The pipeline on a real Slurm: the same bytes as on one machine, and a GPU of its own for each training.

`make test-slurm` runs this inside `run.sh`. Networks compute on the CPU; GPUs are files, which Slurm hands
out as it does real ones.
"""

import csv
import json
import os
import re
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
    """Train an epoch, for so long; the fifth of a run that is held begins when it is let go."""
    import os

    name = "{experiment}-{seed}".format(**self.origin)
    asked, held = (Path(os.environ.get("HELD", "")) / f"{name}.{what}" for what in ("asked", "held"))
    if self.run.position[0] == 4 and asked.exists():
        # Once: not the next attempt.
        asked.rename(held)
        while held.exists():
            signals.check()
            time.sleep(0.02)
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


def configure(checkout, count_of_seeds, **changes):
    """Configure tiny experiments of these names, each with so many seeds, and prepare their data here."""
    entries = {name: {"arrangements": {}, "seeds": list(range(n))} for name, n in count_of_seeds.items()}
    checkout.configure({**TINY, "experiments": entries, "defaults": {**TINY["defaults"], **changes}})
    checkout.snakemake("--", "datasets")


@pytest.fixture
def slow(checkout, tmp_path):
    """A checkout whose epochs take half a second in jobs of Slurm, and which notes who has which device.

    A run of which there is a file `<experiment>-<seed>.asked` in `tmp_path` waits after four of them.
    """
    for file, text in (("runtime/devices", NOTED_CLAIMS), ("training/working_folder", SLOW_EPOCHS)):
        with open(checkout.folder / f"src/anatomy/{file}.py", "a") as opened:
            opened.write(text)
    checkout.environment |= {"CLAIMS": str(tmp_path / "claims"), "SLOW": "0.5", "HELD": str(tmp_path)}
    return checkout


def hold(folder, *runs):
    """Ask runs, `<experiment>-<seed>`, to wait after four epochs of their first attempt."""
    for run in runs:
        (folder / f"{run}.asked").touch()


def held(folder, *runs):
    """Wait until such runs wait; return their files, which let them go on when they are deleted."""
    files = [folder / f"{run}.held" for run in runs]
    cluster.until(lambda: all(file.exists() for file in files), 300, f"{runs} wait")
    return files


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


def finished(process, checkout, seconds=500):
    """Wait for a Snakemake to end well."""
    assert process.wait(seconds) == 0, (checkout.folder / "snakemake.log").read_text()[-8000:]


def local_results(checkout, *targets):
    """What a run without Slurm makes of the same configuration."""
    (checkout.folder / "local.yaml").write_text("device: cpu\npathvars: {results: local}\n")
    Checkout(checkout.folder, copy=False).snakemake("--configfile", "local.yaml", "--", *targets)
    return checkout.folder / "local"


def contents(folder):
    """Files of results that are the same in every run, by name: bytes, and of tables all but times."""
    varying = {".log", ".tsv", ".html", ".pdf", ".png", ".md"}
    return {
        str(path.relative_to(folder)): without_times(path) if path.suffix == ".csv" else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix not in varying
        and path.name != "provenance.json"
        and not path.name.startswith(".")
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


def test_the_pipeline_makes_the_same_bytes_as_on_one_machine(checkout):
    checkout.configure(SMOKE)
    # Other figures are made in the same way, on the login node.
    targets = ("tables", "figure_07")
    finished(started(checkout, "--", *targets), checkout)
    assert_same_bytes(checkout.folder / "results", local_results(checkout, *targets))


def test_two_trainings_in_one_allocation_have_a_gpu_each(slow, tmp_path):
    configure(slow, {"pair": 2}, epochs=6)
    hold(tmp_path, "pair-0", "pair-1")
    command = "snakemake --cores 2 --resources gpu=2 -- training"
    options = ("--partition", "faults", "--gpus", "2", "--nodes", "1", "--cpus-per-task", "2", "--wait")
    log = tmp_path / "job.log"
    job = subprocess.Popen(
        ["sbatch", *options, "--chdir", slow.folder, "--output", log, "--wrap", command], env=slow.environment
    )
    # Both at once.
    for file in held(tmp_path, "pair-0", "pair-1"):
        file.unlink()
    assert job.wait(300) == 0, log.read_text()
    claims = claims_in(tmp_path)
    assert sorted(claim["device"] for claim in claims) == ["0", "1"]
    assert len({claim["node"] for claim in claims}) == 1


def claims_in(folder):
    """Who held which device, and when."""
    return [json.loads(line) for line in (folder / "claims").read_text().splitlines()]


def test_trainings_that_are_ended_go_on_and_end_in_the_same_bytes(slow, tmp_path):
    """Cancelled, out of time, queued again by Slurm (two at a time), and on a node that is lost."""
    configure(slow, {"cancelled": 1, "late": 1, "requeued": 2, "lost": 1}, epochs=6)
    runs = ("cancelled-0", "late-0", "requeued-0", "requeued-1", "lost-0")
    hold(tmp_path, *runs)
    process = started(slow, "--set-resources", "train_network_lost:slurm_partition=faults", "--", "training")
    held(tmp_path, *runs)
    _, node = cluster.job_of("lost")
    cluster.crash(node)
    # It is told so when two minutes are left, which is at once.
    cluster.output_of("scontrol", "update", f"JobId={cluster.job_of('late')[0]}", "TimeLimit=2")
    cluster.output_of("scancel", cluster.job_of("cancelled")[0])
    for seed in (0, 1):
        cluster.output_of("scontrol", "requeue", cluster.job_of("requeued", seed)[0])
    finished(process, slow)
    cluster.start_node(node)
    for run in runs:
        experiment, seed = run.split("-")
        # The lines of both attempts.
        log = (slow.folder / f"results/runs/{experiment}/seed={seed}/train.log").read_text()
        first, second = log.split("continuing after epoch ")
        assert "epoch 4/6" in first and "epoch 6/6" in second, log
        # Without warning it is as far as it was a second ago.
        assert second.startswith("4") or experiment == "lost", log
        ends = {"lost": "$", "late": "SIGUSR1 after|stopped, as its Snakemake"}
        assert re.search(ends.get(experiment, "SIGTERM after|stopped, as its Snakemake"), first), log
    # The time that a second attempt asks for.
    assert "runtime=22" in (slow.folder / "snakemake.log").read_text()
    assert_same_bytes(slow.folder / "results/runs", local_results(slow, "training") / "runs")


def test_eight_trainings_on_four_gpus_share_none(slow, tmp_path):
    configure(slow, {"many": 8})
    finished(started(slow, "--", "training"), slow)
    claims = claims_in(tmp_path)
    assert len(claims) == 8
    assert {claim["device"] for claim in claims} <= {"0", "1", "2", "3"}
    for index, one in enumerate(claims):
        for other in claims[:index]:
            if (one["node"], one["device"]) == (other["node"], other["device"]):
                assert one["end"] <= other["begin"] or other["end"] <= one["begin"]


def test_a_snakemake_that_was_killed_is_called_again(slow, tmp_path):
    """Its job goes on; the job that trains the same run meanwhile says so, and is started again."""
    configure(slow, {"orphan": 1}, epochs=6)
    hold(tmp_path, "orphan-0")
    options = ("--set-resources", "train_network_orphan:slurm_partition=killed", "--", "training")
    process = started(slow, *options)
    (waiting,) = held(tmp_path, "orphan-0")
    process.kill()
    process.wait()
    slow.snakemake("--unlock")
    process = started(slow, *options)
    log = slow.folder / "snakemake.log"
    cluster.until(lambda: "Trying to restart job" in log.read_text(), 300, "the second job ends")
    waiting.unlink()
    finished(process, slow)
    assert_same_bytes(slow.folder / "results/runs", local_results(slow, "training") / "runs")


def test_a_training_that_diverges_is_computed_once_and_named_at_the_end(slow):
    slow.environment["SLOW"] = "0"
    configure(slow, {"diverging": 1}, optimiser={"learning_rate": 1e30})
    assert started(slow, "--retries", "1", "--", "training").wait(400) == 1
    printed = (slow.folder / "snakemake.log").read_text()
    name = "results/runs/diverging/seed=0/train.log"
    assert f"failed: train_network_diverging: {name}: error: the training loss is nan" in printed
    assert len(printed.splitlines()) < 200
    log = (slow.folder / name).read_text()
    assert (log.count("epoch 0/2"), log.count("error: ")) == (1, 2)
