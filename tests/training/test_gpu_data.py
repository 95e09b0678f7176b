"""Rotation and points on a GPU, within a step that is replayed as a CUDA graph."""

import pytest
import torch
from conftest import make_dataset, run_of

from anatomy.data.dataset import PointDataset, channel_statistics
from anatomy.data.rotation import rotate
from anatomy.runtime.devices import set_up_torch
from anatomy.runtime.streams import stream
from anatomy.training.gpu import Graphed

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")

IMAGES = torch.randint(0, 256, (40, 3, 28, 28), generator=stream(0, "images"), dtype=torch.uint8)
ANGLES = torch.rand(40, generator=stream(0, "angles")) * 360 - 180


@pytest.mark.parametrize("precision", ["float32", "tf32", "bf16"])
def test_a_gpu_rotates_as_a_cpu_and_in_a_graph(precision):
    set_up_torch(1, "cuda", precision)
    images, angles, into = IMAGES.cuda(), ANGLES.cuda(), torch.zeros_like(IMAGES).cuda()
    for chosen in (angles, angles[7]):
        expected = rotate(IMAGES, chosen.cpu())
        step = Graphed(lambda images, angles: into.copy_(rotate(images, angles)))
        for _ in range(4):
            into.zero_()
            step(images, chosen)
            assert (into.cpu().int() - expected.int()).abs().max() <= 1
        assert len(step.records) == 1


def weights_of(dataset, graphed, **changes):
    mean, std = channel_statistics(getattr(dataset, f"train_{dataset.INPUTS}"))
    description = {"name": "mine", "classes": dataset.classes, "mean": mean, "std": std}
    run = run_of(dataset, description, device="cuda", **changes)
    if not graphed:
        run.take_step = run.step
    while run.epoch < 3:
        run.advance()
    return run.whole_state_dict()


def test_a_run_that_rotates_is_replayed_in_the_same_bits():
    set_up_torch(1, "cuda", "float32")
    first, second = (
        weights_of(make_dataset(96), graphed, augmentation={"rotate": 90}) for graphed in (True, False)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_run_on_points_is_replayed_in_the_same_bits(tmp_path, monkeypatch):
    (tmp_path / "gpu_net.py").write_text(
        "from torch import nn\n\n\ndef net(input_shape, classes):\n"
        "    return nn.Sequential(nn.Linear(*input_shape, 9), nn.ReLU(), nn.Linear(9, classes))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    set_up_torch(1, "cuda", "float32")
    points = torch.randn(50, 2, generator=stream(0, "points"))
    labels = (points[:, 0] > 0).long()
    dataset = PointDataset(*(array.numpy() for array in (points, labels) * 2), classes=["left", "right"])
    changes = {"architecture": "gpu_net:net", "width": 1.0, "augmentation": {}, "validation_fraction": 0}
    first, second = (weights_of(dataset, graphed, **changes) for graphed in (True, False))
    assert all(torch.equal(first[name], second[name]) for name in first)
