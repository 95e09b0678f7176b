"""A step replayed as a CUDA graph is the step; these tests need a GPU that torch can use."""

from dataclasses import asdict

import pytest
import torch
from conftest import SETTINGS, run_of

from anatomy.data.dataset import open_dataset
from anatomy.runtime.devices import set_up_torch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")


def trained(dataset_folder, graphed=True, **changes):
    set_up_torch(1, "cuda", changes.get("precision", "float32"))
    dataset, description = open_dataset(dataset_folder)
    run = run_of(dataset, description, device="cuda", **changes)
    if not graphed:
        run.take_step = run.step
    while run.epoch < SETTINGS["epochs"]:
        run.advance()
    return run


@pytest.mark.parametrize("precision", ["float32", "tf32", "bf16"])
def test_graphs_change_no_bit(dataset_folder, precision):
    """96 images in batches of 20: the short last batch has a graph of its own, and the rate changes."""
    graphed = trained(dataset_folder, precision=precision)
    eager = trained(dataset_folder, graphed=False, precision=precision)
    first, second = graphed.whole_state_dict(), eager.whole_state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert [r.train_loss for r in graphed.history] == [r.train_loss for r in eager.history]
    assert len(graphed.take_step.records) == 2


def test_a_gpu_computes_what_a_cpu_does(dataset_folder):
    dataset, description = open_dataset(dataset_folder)
    runs = [run_of(dataset, description, device=device, width=0.125) for device in ("cpu", "cuda")]
    for run in runs:
        # Dropout draws from another generator on a GPU.
        for module in run.network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        while run.epoch < 2:
            run.advance()
    for here, there in zip(*(run.history for run in runs), strict=True):
        assert there.validation_loss == pytest.approx(here.validation_loss, rel=1e-3)


def test_a_run_that_is_continued_ends_in_the_same_bits(dataset_folder):
    """Its first step is not a replay."""
    unbroken = trained(dataset_folder)
    dataset, description = open_dataset(dataset_folder)
    first, second = (run_of(dataset, description, device="cuda") for _ in range(2))
    while first.epoch < 2:
        first.advance()
    second.restore(first.state(), [asdict(record) for record in first.history])
    second.advance()
    weights = unbroken.whole_state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in second.whole_state_dict().items())


def test_the_gpu_is_timed(dataset_folder):
    run = trained(dataset_folder)
    assert run.history[0].gpu_seconds is None
    assert all(record.gpu_seconds > 0 for record in run.history[1:])
    assert run.gpu_seconds == pytest.approx(sum(r.gpu_seconds for r in run.history[1:]), abs=1e-3)
