"""Devices of one allocation of Slurm are shared out among the processes of its job."""

import os

import pytest
from test_devices import Holder

from anatomy.runtime.devices import claim_device


@pytest.fixture
def hold(tmp_path, monkeypatch):
    """Start a process that claims a device in a job of Slurm; all are gone at the end."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    started = []

    def start(job, devices):
        started.append(Holder({"SLURM_JOB_ID": job, "CUDA_VISIBLE_DEVICES": devices}))
        return started[-1]

    yield start
    for holder in started:
        if holder.process.poll() is None:
            holder.kill()


def test_two_processes_of_one_job_hold_different_devices_and_a_third_waits(hold):
    first, second = hold("42", "0,1"), hold("42", "0,1")
    claims = {first.claimed(): first, second.claimed(): second}
    assert set(claims) == {"cuda 0", "cuda 1"}
    third = hold("42", "0,1")
    assert third.claimed(seconds=1.0) is None
    claims["cuda 1"].finish()
    assert third.claimed() == "cuda 1"


def test_another_job_has_devices_of_its_own(hold):
    """Where each job counts its devices from 0, the first of two jobs are two cards."""
    assert hold("42", "0,1").claimed() == "cuda 0"
    assert hold("43", "0,1").claimed() == "cuda 0"


def test_the_one_device_of_a_job_is_not_waited_for(hold):
    assert hold("42", "3").claimed() == hold("42", "3").claimed() == "cuda 3"


@pytest.mark.parametrize("devices", ["3", "GPU-3f2a", ""])
def test_a_job_that_sees_at_most_one_device_is_left_as_it_is(devices, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
    before = dict(os.environ)
    with claim_device(1) as device:
        assert device == "cuda"
        assert dict(os.environ) == before
