"""Modules that a run imports by name, schedules and losses among them, and epochs that are kept."""

import subprocess
import sys

import pytest
import torch
from conftest import environment, settings_of
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from anatomy.runtime.errors import InputError
from anatomy.runtime.settings import snapshot_epochs
from anatomy.training.losses import loss_of
from anatomy.training.modules import modules_of
from anatomy.training.schedules import LearningRates


def schedule(kind, every=25, factor=0.1):
    return settings_of(schedule={"kind": kind, "every": every, "factor": factor}).schedule


@pytest.mark.parametrize(
    ("architecture", "module"),
    [
        ("vgg19", "anatomy.networks.families.vgg"),
        ("wide_resnet50_2", "anatomy.networks.families.resnet"),
        ("vgg19_bn", "anatomy.networks.families.torchvision"),
        ("timm/vgg19", "anatomy.networks.families.timm"),
        ("mine.nets:Net", "mine.nets"),
    ],
)
def test_a_run_names_family_schedule_and_loss(architecture, module):
    found = modules_of(settings_of(architecture=architecture, schedule={"kind": "smooth"}))
    assert found == [module, "anatomy.training.schedules.smooth", "anatomy.training.losses.cross_entropy"]


def test_names_that_are_none_are_refused():
    with pytest.raises(InputError, match="'vgg17' is not an architecture, did you mean vgg19 or"):
        modules_of(settings_of(architecture="vgg17"))
    for function in (modules_of, lambda own: LearningRates(0.1, own.schedule, 9)):
        with pytest.raises(
            InputError, match=r"schedule.kind: 'cosinus' is not allowed; allowed: constant, cosine, "
        ):
            function(settings_of(schedule={"kind": "cosinus"}))
    with pytest.raises(
        InputError, match=r"loss.kind: 'hinges' is not allowed; allowed: cross_entropy, hinge"
    ):
        loss_of("hinges")


def test_modules_are_known_without_torch():
    program = "import sys; import anatomy.training.modules; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], env=environment()).returncode == 0


@pytest.mark.parametrize(
    ("snapshots", "expected"), [("all", [0, 1, 2, 3]), ([], [0, 3]), ([2], [0, 2, 3]), ([3, 0, 1], [0, 1, 3])]
)
def test_first_and_last_epoch_are_always_kept(snapshots, expected):
    assert snapshot_epochs(settings_of(epochs=3, snapshots=snapshots)) == expected


def test_step_schedule_equals_torchs():
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, 25, 0.1)
    for epoch in range(1, 101):
        expected = optimiser.param_groups[0]["lr"]
        assert LearningRates(0.01, schedule("step"), 100)(epoch) == pytest.approx(expected)
        optimiser.step()
        scheduler.step()


@given(st.integers(1, 100))
def test_smooth_schedule_is_the_papers(epoch):
    rate = LearningRates(0.01, schedule("smooth"), 100)(epoch)
    assert rate == pytest.approx(0.01 * 10 ** (-(epoch - 1) / 25))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_cross_entropy_is_torchs(reduction):
    logits, target = torch.randn(6, 4), torch.tensor([0, 3, 1, 1, 2, 0])
    expected = functional.cross_entropy(logits, target, reduction=reduction)
    assert torch.equal(loss_of("cross_entropy")(logits, target, reduction), expected)
