"""Steps of a subspace on a GPU, replayed as graphs; these tests need a GPU that torch can use."""

import pytest
import torch
from conftest import make_dataset, task_of

from anatomy.runtime.devices import set_up_torch
from anatomy.training.run import begin_run

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")

KINDS = [
    {"kind": "line"},
    {"kind": "bezier", "num_samples": 2},
    {"kind": "simplex", "corners": 4},
    {"kind": "line", "layerwise": True},
]


def trained(subspace, device="cuda", graphed=True):
    set_up_torch(1, device, "float32")
    changes = {"architecture": "cifar_resnet_8", "width": 0.5, "optimiser": {"learning_rate": 0.0005}}
    description = {"name": "shades", "mean": [0.4] * 3, "std": [0.2] * 3}
    run = begin_run(task_of(make_dataset(), description, device=device, subspace=subspace, **changes))
    if not graphed:
        run.take_step = run.step
    while not run.finished:
        run.advance()
    return run


@pytest.mark.parametrize("subspace", KINDS)
def test_graphs_change_no_bit(subspace):
    graphed, eager = trained(subspace), trained(subspace, graphed=False)
    first, second = graphed.whole_state_dict(), eager.whole_state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert len(graphed.take_step.records) == 2


@pytest.mark.parametrize("subspace", KINDS)
def test_a_gpu_computes_what_a_cpu_does(subspace):
    here, there = trained(subspace, "cpu"), trained(subspace)
    first, second = here.whole_state_dict(), there.whole_state_dict()
    for name in (name for name in first if name.startswith("corner=")):
        torch.testing.assert_close(second[name], first[name], rtol=1e-2, atol=1e-4)
