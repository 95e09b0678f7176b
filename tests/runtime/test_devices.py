"""Devices are handed out once each, across processes, and come back however their holder ends."""

import os
import platform
import select
import subprocess
import sys
import tempfile
import time

import pytest
from conftest import environment

from anatomy.runtime.devices import claim_device, visible_gpus
from anatomy.runtime.errors import InputError

# Claims a device, says which, and holds it until a line comes in.
HOLDER = """
import os, sys
from anatomy.runtime.devices import claim_device
with claim_device(1, poll_seconds=0.05) as device:
    print(device, os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    sys.stdin.readline()
"""


class Holder:
    """A process that claims a device."""

    def __init__(self, variables):
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**environment(), **variables},
        )

    def claimed(self, seconds=60):
        """What the process printed; None if nothing within this time."""
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        return self.process.stdout.readline().strip() if ready else None

    def finish(self):
        self.process.communicate("\n", timeout=60)
        assert self.process.returncode == 0

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def own_locks(tmp_path, monkeypatch):
    """Locks apart from those of the machine; no scheduler; two GPUs by default."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("SLURM_JOB_ID", "")
    monkeypatch.delenv("SLURM_JOB_ID")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7,9")
    return tmp_path


@pytest.fixture
def hold(own_locks):
    """Start a process that claims a device; all are gone at the end."""
    started = []

    def start(**variables):
        started.append(Holder(variables))
        return started[-1]

    yield start
    for holder in started:
        if holder.process.poll() is None:
            holder.kill()


def fake_nvidia_smi(folder, monkeypatch, script):
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")


# One process


def test_no_gpu_requested_is_the_cpu_and_takes_no_lock(own_locks):
    before = dict(os.environ)
    with claim_device(0) as device:
        assert device == "cpu"
        assert dict(os.environ) == before
    assert list(own_locks.iterdir()) == []


def test_claimed_gpu_is_the_only_one_visible(own_locks):
    with claim_device(1) as device:
        assert device == "cuda"
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "7"


def test_error_while_holding_frees_the_device(own_locks, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), claim_device(1):
            raise ZeroDivisionError


def test_slurm_assigns_the_device_itself(own_locks, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    before = dict(os.environ)
    with claim_device(1) as device:
        assert device == "cuda"
        assert dict(os.environ) == before
    assert list(own_locks.iterdir()) == []


def test_no_visible_gpu_is_refused_with_what_to_do(own_locks, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(InputError) as caught, claim_device(1):
        pass
    for part in ("none is visible", "device: cpu", "nvidia-smi", "CUDA_VISIBLE_DEVICES"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("value", "gpus"),
    [
        ("", []),
        ("0", ["0"]),
        ("7,9", ["7", "9"]),
        ("GPU-3f2a,GPU-77b1", ["GPU-3f2a", "GPU-77b1"]),
        ("7, 9", ["7", "9"]),
        # CUDA's way to hide this GPU and all after it.
        ("-1", []),
        ("2,-1,3", ["2"]),
    ],
)
def test_visible_gpus_are_those_of_the_environment(value, gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == gpus


def test_visible_gpus_are_all_of_the_machine_otherwise(own_locks, monkeypatch):
    fake_nvidia_smi(own_locks, monkeypatch, "printf '0\\n1\\n'")
    assert visible_gpus() == ["0", "1"]


def test_broken_driver_means_no_gpu(own_locks, monkeypatch):
    fake_nvidia_smi(own_locks, monkeypatch, "echo 'No devices were found'; exit 6")
    assert visible_gpus() == []


def test_machine_without_driver_has_no_gpu(own_locks, monkeypatch):
    monkeypatch.setenv("PATH", str(own_locks))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert visible_gpus() == []


def test_claiming_needs_no_torch():
    code = "import sys, anatomy.runtime.devices; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=environment()).returncode == 0


# Several processes


def test_processes_hold_different_devices_and_a_third_waits_for_one(hold):
    first, second = hold(), hold()
    claims = {first.claimed(): first, second.claimed(): second}
    assert set(claims) == {"cuda 7", "cuda 9"}

    third = hold()
    assert third.claimed(seconds=1.0) is None
    claims["cuda 9"].finish()
    assert third.claimed() == "cuda 9"
    third.finish()
    claims["cuda 7"].finish()


def test_as_many_processes_share_a_gpu_as_the_configuration_says(hold, monkeypatch):
    monkeypatch.setenv("ANATOMY_RUNS_PER_GPU", "2")
    first, second, third, fourth = (hold() for _ in range(4))
    claims = sorted(holder.claimed() for holder in (first, second, third, fourth))
    assert claims == ["cuda 7", "cuda 7", "cuda 9", "cuda 9"]
    fifth = hold()
    assert fifth.claimed(seconds=1.0) is None
    first.kill()
    assert fifth.claimed() in ("cuda 7", "cuda 9")


def test_every_gpu_gets_one_process_before_any_gets_two(hold, monkeypatch):
    monkeypatch.setenv("ANATOMY_RUNS_PER_GPU", "3")
    assert [hold().claimed() for _ in range(3)] == ["cuda 7", "cuda 9", "cuda 7"]


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
def test_a_wrong_number_of_runs_per_gpu_is_refused(own_locks, monkeypatch, value):
    monkeypatch.setenv("ANATOMY_RUNS_PER_GPU", value)
    with pytest.raises(InputError, match=f"ANATOMY_RUNS_PER_GPU is '{value}'"), claim_device(1):
        pass


def test_only_devices_of_the_outer_environment_are_claimed(hold):
    assert hold(CUDA_VISIBLE_DEVICES="3").claimed() == "cuda 3"
    assert hold(CUDA_VISIBLE_DEVICES="3,5").claimed() == "cuda 5"
    assert hold(CUDA_VISIBLE_DEVICES="7").claimed() == "cuda 7"


def test_killed_holder_frees_its_device(hold):
    first = hold(CUDA_VISIBLE_DEVICES="7")
    assert first.claimed() == "cuda 7"
    first.kill()
    assert hold(CUDA_VISIBLE_DEVICES="7").claimed() == "cuda 7"


def test_waiting_process_follows_a_killed_holder(hold):
    first = hold(CUDA_VISIBLE_DEVICES="7")
    assert first.claimed() == "cuda 7"
    waiting = hold(CUDA_VISIBLE_DEVICES="7")
    time.sleep(0.3)
    first.kill()
    assert waiting.claimed() == "cuda 7"


def test_ended_process_leaves_the_device_to_the_next(hold):
    for _ in range(2):
        holder = hold(CUDA_VISIBLE_DEVICES="7,9")
        assert holder.claimed() == "cuda 7"
        holder.finish()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such setting")
def test_freed_memory_is_used_again():
    """Tensors of a step take the pages of those of the step before, where glibc would give them back."""
    program = (
        "import resource, torch\n"
        "from anatomy.runtime.devices import set_up_torch\n"
        "set_up_torch(1, 'cpu')\n"
        "for step in range(60):\n"
        "    if step == 10:\n"
        "        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    tensors = [torch.ones(400_000) for _ in range(3)]\n"
        "    del tensors\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)\n"
    )
    variables = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=variables)
    # One step has 1,200 pages.
    assert int(result.stdout) < 1200
