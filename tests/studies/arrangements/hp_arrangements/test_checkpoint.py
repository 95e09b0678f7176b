"""Checkpoints that a training begins with, of the authors' code and of others."""

from pathlib import Path

import pytest
import torch

from anatomy.networks.build import build_network
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream
from anatomy.studies.arrangements.hp_arrangements.checkpoint import read_start

pytestmark = pytest.mark.usefixtures("inside")


def saved_by(optimiser, **options):
    return {
        "optimizer_state_dict": optimiser(torch.nn.Linear(2, 2).parameters(), 0.1, **options).state_dict()
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scheduler_state_dict": {"T_max": 9}}, "scheduler_state_dict has no step_size; expected"),
        ({"scheduler_state_dict": {"step_size": 9}}, "scheduler_state_dict has no gamma; expected"),
        ({"optimizer_state_dict": [1]}, "optimizer_state_dict has no param_groups; expected"),
        ({"optimizer_state_dict": {"param_groups": [{}], "state": {}}}, "has no params; expected"),
        (
            {"optimizer_state_dict": {"param_groups": [{"params": [0, 1], "lr": 0.1}], "state": {}}},
            "optimizer_state_dict has no momentum; expected",
        ),
        (saved_by(torch.optim.AdamW), "optimizer_state_dict has options of another optimiser, expected"),
        (saved_by(torch.optim.RMSprop), "optimizer_state_dict has options of another optimiser, expected"),
        (saved_by(torch.optim.Adam, amsgrad=True), "has options of another optimiser, expected"),
        (
            saved_by(torch.optim.SGD, momentum=0.9, nesterov=True),
            "has options of another optimiser, expected",
        ),
        (saved_by(torch.optim.NAdam), "optimizer_state_dict has no amsgrad; expected"),
        (saved_by(torch.optim.Adamax), "optimizer_state_dict has no amsgrad; expected"),
    ],
)
def test_snapshots_of_other_code_are_refused(changes, message):
    optimiser = torch.optim.SGD(torch.nn.Linear(2, 2).parameters(), 0.1)
    content = {
        "model_state_dict": torch.nn.Linear(2, 2).state_dict(),
        "optimizer_state_dict": optimiser.state_dict(),
        "epoch": 3,
    }
    torch.save(content, "net_3.tar")
    assert read_start(Path("net_3.tar")).epoch == 4
    torch.save({**content, **changes}, "net_3.tar")
    with pytest.raises(InputError, match=f"net_3.tar: .*{message}.* save the weights .* alone"):
        read_start(Path("net_3.tar"))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (("vgg13", 4), "has no features.2.weight; expected the weights of this `architecture`"),
        (
            ("vgg11", 5),
            "has shape .* `architecture`, its `options`, `dataset` or .* differs",
        ),
    ],
)
def test_weights_of_another_network_are_refused_by_key_and_option(other, message):
    own, expected = (
        build_network(*each, 3, 0.0625, stream(0, "x"), "kaiming") for each in (("vgg11", 4), other)
    )
    torch.save(own.state_dict(), "own.pt")
    with pytest.raises(InputError, match=rf"own.pt.* {message}; here they are --arch and --dataset$"):
        read_start(Path("own.pt")).load(expected)


def test_weights_from_before_batch_norm_counted_are_loaded():
    saved, network = (build_network("vgg11bn", 4, 3, 0.0625, stream(seed, "x"), "kaiming") for seed in (0, 1))
    weights = {name: t for name, t in saved.state_dict().items() if not name.endswith("num_batches_tracked")}
    torch.save(weights, "vgg11bn.pt")
    network.features[1].num_batches_tracked.fill_(5)
    read_start(Path("vgg11bn.pt")).load(network)
    assert network.features[1].num_batches_tracked == 5
    assert torch.equal(network.features[0].weight, saved.features[0].weight)


def test_released_weights_with_auxiliary_classifiers_are_loaded():
    from anatomy.runtime.torchvision_import import models

    released = models.googlenet(weights=None, aux_logits=True, init_weights=False).state_dict()
    torch.save({"state_dict": released}, "googlenet.pth")
    network = build_network("googlenet", 1000, 3, 1.0, stream(0, "x"), "kaiming")
    read_start(Path("googlenet.pth")).load(network)
    assert torch.equal(network.fc.weight, released["fc.weight"])
