"""Runs on points take the quick steps of small networks, with the bits of autograd's."""

import torch
from conftest import run_of

from anatomy.data.dataset import channel_statistics
from anatomy.data.sources.points import make_points

NET = """from torch import nn


def net(input_shape, classes):
    return nn.Sequential(nn.Linear(*input_shape, 20), nn.ReLU(), nn.Linear(20, classes))
"""


def test_points_take_the_quick_steps(tmp_path, monkeypatch):
    (tmp_path / "point_net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    dataset = make_points("gauss")
    mean, std = channel_statistics(dataset.train_points)
    description = {"name": "gauss", "classes": dataset.classes, "mean": mean, "std": std}
    keys = {"architecture": "point_net:net", "width": 1.0, "augmentation": {}, "epochs": 3}
    fast, plain = (run_of(dataset, description, **keys) for _ in range(2))
    assert fast.mlp is not None
    plain.mlp = None
    for run in (fast, plain):
        while run.epoch < 3:
            run.advance()
    expected = plain.state()
    assert all(torch.equal(tensor, expected[key]) for key, tensor in fast.state().items())
    for one, other in zip(fast.history, plain.history, strict=True):
        assert (one.train_loss, one.validation_loss) == (other.train_loss, other.validation_loss)
