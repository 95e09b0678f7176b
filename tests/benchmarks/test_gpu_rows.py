"""The rows about a GPU, as a trial on the CPU, and the operations that utilisation counts."""

import subprocess
import sys

import pytest
from conftest import ROOT, environment

import gpu_rows
import material
from measure import Options


def test_operations_of_an_image_are_those_of_its_layers():
    """Training takes three products for each of the forward pass, but for the first layer's input."""
    run = material.small_run(1, width=0.25)
    forward, size = 0, 32
    for module in run.network.modules():
        kind = type(module).__name__
        if kind == "Conv2d":
            forward += (multiplications := module.weight.numel() * size**2)
            if module.in_channels == 3:
                first = multiplications
        elif kind == "MaxPool2d":
            size //= 2
        elif kind == "Linear":
            forward += module.weight.numel()
    assert gpu_rows.flops_of_image(run) == 2 * (3 * forward - first)


def test_utilisation_is_a_part_of_the_peak(monkeypatch):
    monkeypatch.setattr(gpu_rows, "gpu_name", lambda options: "NVIDIA H100 80GB HBM3")
    assert gpu_rows.utilisation(989e12, 2.0, Options()).endswith("50% of the peak in bfloat16")
    assert gpu_rows.utilisation(989e12, 2.0, Options()).startswith("494 TFLOP/s")


@pytest.mark.parametrize("name", ["gpu-step", "gpu"])
def test_the_rows_can_be_tried_without_a_gpu(name):
    # A real start, as it starts processes of its own.
    options = ["--quick", "--device", "cpu", "--rounds", "1", "--only", name]
    command = [sys.executable, ROOT / "benchmarks/run.py", *options]
    result = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=ROOT)
    assert result.returncode == 0, result.stderr
    cells = [line.split("|")[3].strip() for line in result.stdout.splitlines() if line.startswith("|")]
    values = [float(cell.split()[0]) for cell in cells[2:]]
    assert len(values) == {"gpu-step": 5, "gpu": 2}[name]
    assert min(values) > 0
