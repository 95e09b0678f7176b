"""Losses, optimisers, schedules and what else decides a step: each against the same in plain torch."""

import math
import re

import pytest
import torch
from conftest import RUN_SCHEMA
from torch import nn
from torch.nn import functional
from training.small_runs import plain_training, small_run, trained, write_nets

from anatomy.runtime.errors import InputError
from anatomy.runtime.settings import Settings
from anatomy.runtime.streams import stream_seed
from anatomy.training.loop import final_values
from anatomy.training.losses import loss_of, minimised
from anatomy.training.optimisers import build_optimiser
from anatomy.training.schedules import LearningRates

CONSTANT = {"kind": "constant"}


@pytest.fixture(autouse=True)
def nets(inside, monkeypatch):
    write_nets(monkeypatch)


def sgd(network):
    return torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, weight_decay=5e-4)


def one_hot(outputs, target):
    return functional.one_hot(target, outputs.shape[1]).to(outputs.dtype)


def assert_same(run, network, losses=None):
    """The weights and buffers of a run are those of a network, and so are the losses of its epochs."""
    expected = network.state_dict()
    for name, tensor in run.whole_state_dict().items():
        assert torch.allclose(tensor, expected[name], atol=1e-6), name
    if losses is not None:
        assert [record.train_loss for record in run.history[1:]] == pytest.approx(losses, abs=1e-6)


# Losses

LOSSES = {
    "cross_entropy": functional.cross_entropy,
    "nll": functional.nll_loss,
    "squared_error": lambda outputs, target: nn.MSELoss()(outputs, one_hot(outputs, target)),
    "hinge": nn.MultiMarginLoss(),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_a_loss_is_torchs_in_training_validation_and_final_values(kind):
    options = {"log_softmax": kind == "nll"}
    run = trained(small_run(loss={"kind": kind}, schedule=CONSTANT, options=options))
    network, losses = plain_training(run, LOSSES[kind], sgd, [0.01] * 4)
    assert_same(run, network, losses)
    network.eval()
    values = final_values(run)
    for part in ("train", "validation", "test"):
        images, labels = getattr(run.task, part)
        inputs = run.task.normalise(torch.cat(list(images.plain(1000))))
        assert values[part]["loss"] == pytest.approx(LOSSES[kind](network(inputs), labels).item(), abs=1e-6)
    assert run.history[-1].validation_loss == values["validation"]["loss"]


@pytest.mark.parametrize("kind", LOSSES)
def test_the_sum_of_a_loss_is_its_mean_times_the_images(kind):
    outputs, target = torch.linspace(-2, 3, 28).view(7, 4), torch.arange(7) % 4
    loss = loss_of(kind)
    assert loss(outputs, target).item() == pytest.approx(LOSSES[kind](outputs, target).item())
    assert loss(outputs, target, "sum").item() == pytest.approx(7 * loss(outputs, target).item())


@pytest.mark.parametrize("kind", ["cross_entropy", "nll"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_smoothing_is_torchs(kind, reduction):
    outputs, target = torch.linspace(-2, 3, 28).view(7, 4), torch.arange(7) % 4
    expected = functional.cross_entropy(outputs, target, reduction=reduction, label_smoothing=0.2)
    given = outputs.log_softmax(1) if kind == "nll" else outputs
    own = Settings({"loss": {"kind": kind, "smoothing": 0.2}}, RUN_SCHEMA).loss
    assert minimised(own)(given, target, reduction).item() == pytest.approx(expected.item())


def test_smoothing_acts_on_what_is_minimised_and_on_no_loss_that_is_written():
    run = trained(small_run(loss={"smoothing": 0.3}, schedule=CONSTANT))
    plain = []

    def loss(outputs, target):
        plain.append(functional.cross_entropy(outputs, target).item() * len(target))
        return functional.cross_entropy(outputs, target, label_smoothing=0.3)

    network, losses = plain_training(run, loss, sgd, [0.01] * 4)
    assert_same(run, network)
    images, steps = len(run.task.train_labels), run.steps_per_epoch
    means = [sum(plain[first : first + steps]) / images for first in range(0, len(plain), steps)]
    assert [record.train_loss for record in run.history[1:]] == pytest.approx(means, abs=1e-6)
    assert abs(means[0] - losses[0]) > 1e-4


# Optimisers


@pytest.mark.parametrize("decay", ["all", "matrices"])
@pytest.mark.parametrize(
    ("kind", "theirs"),
    [
        ("sgd", lambda groups: torch.optim.SGD(groups, 0.01, 0.9)),
        ("adam", lambda g: torch.optim.Adam(g, 0.01)),
    ],
)
def test_weight_decay_is_torchs_of_all_or_of_matrices_alone(kind, theirs, decay):
    options = {"kind": kind, "weight_decay": 0.5, "decay": decay}
    # Without batch normalisation, before which the gradient of a bias is rounding alone, which Adam enlarges.
    run = trained(small_run(architecture="nets:Mlp", optimiser=options, schedule=CONSTANT))

    def optimiser_of(network):
        named = dict(network.named_parameters())
        decaying = [named.pop(name) for name in ("1.weight", "3.weight", "5.weight")]
        others = {"params": list(named.values()), "weight_decay": 0.5 if decay == "all" else 0.0}
        return theirs([{"params": decaying, "weight_decay": 0.5}, others])

    assert_same(run, *plain_training(run, functional.cross_entropy, optimiser_of, [0.01] * 4))


@pytest.mark.parametrize("decay", ["all", "matrices"])
def test_the_folded_classifier_decays_as_the_whole_one(decay):
    """With a warm-up and a cosine, whose rate is another one in every epoch."""
    options = {"weight_decay": 0.1, "decay": decay}
    changes = {"architecture": "vgg11", "width": 0.0625, "size": 32, "optimiser": options, "epochs": 3}
    run = trained(
        small_run(schedule={"kind": "cosine", "warmup": 1}, batch_size=50, evaluate_every=2, **changes)
    )
    assert run.folded

    def optimiser_of(network):
        matrices = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim == 1]
        return torch.optim.SGD(
            [
                {"params": matrices, "weight_decay": 0.1},
                {"params": others, "weight_decay": 0.1 if decay == "all" else 0.0},
            ],
            0.01,
            0.9,
        )

    # Dropout: both draw from the run's own stream.
    def before_epoch(network, epoch):
        torch.manual_seed(stream_seed(0, "dropout", epoch))

    network, _ = plain_training(
        run, functional.cross_entropy, optimiser_of, [0.01, 0.01, 0.005], before_epoch
    )
    expected = network.state_dict()
    for name, tensor in run.whole_state_dict().items():
        assert torch.allclose(tensor, expected[name], rtol=1e-4, atol=1e-5), name


def test_a_bias_of_two_dimensions_is_no_matrix():
    network = nn.Module()
    network.weight, network.bias = (nn.Parameter(torch.ones(2, 2)) for _ in range(2))
    own = Settings({"optimiser": {"decay": "matrices", "weight_decay": 0.1}}, RUN_SCHEMA).optimiser
    groups = build_optimiser(network, own, torch.device("cpu")).param_groups
    assert [(group["params"], group["weight_decay"]) for group in groups] == [
        ([network.weight], 0.1),
        ([network.bias], 0.0),
    ]


# Schedules


def rates(epochs, base=0.4, **schedule):
    """The rates of all epochs."""
    rate = LearningRates(base, Settings({"schedule": schedule}, RUN_SCHEMA).schedule, epochs)
    return [rate(epoch) for epoch in range(1, epochs + 1)]


def theirs(scheduler_of, epochs, base=0.4):
    """The rates of a scheduler of torch."""
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], base)
    scheduler, found = scheduler_of(optimiser), []
    for _ in range(epochs):
        found.append(scheduler.get_last_lr()[0])
        optimiser.step()
        scheduler.step()
    return found


def test_constant_milestones_and_cosine_are_torchs():
    schedulers = torch.optim.lr_scheduler
    assert rates(5, kind="constant") == [0.4] * 5
    milestones = rates(9, kind="milestones", milestones=[7, 3], factor=0.5)
    assert milestones == pytest.approx(theirs(lambda o: schedulers.MultiStepLR(o, [3, 7], 0.5), 9))
    cosine = rates(9, kind="cosine")
    assert cosine == pytest.approx(theirs(lambda o: schedulers.CosineAnnealingLR(o, 9), 9))
    cycles = rates(12, kind="cycles", cycles=3)
    assert cycles == pytest.approx(theirs(lambda o: schedulers.CosineAnnealingWarmRestarts(o, 4), 12))


def test_cosine_with_warm_up_is_that_of_the_paper_on_subspaces():
    expected = [0.1 * (e + 1) / 5 for e in range(5)]
    expected += [0.5 * (1 + math.cos(math.pi * (e - 5) / (160 - 5))) * 0.1 for e in range(5, 160)]
    assert rates(160, 0.1, kind="cosine", warmup=5) == pytest.approx(expected, abs=1e-15)


def test_swa_at_a_constant_rate_bends_at_half_and_at_nine_tenths():
    found = rates(20, kind="swa_constant", swa_rate=0.2)
    assert found[:11] == [0.4] * 11
    assert found[14] == pytest.approx(0.3)
    assert found[18:] == pytest.approx([0.2, 0.2])
    assert found == pytest.approx(sorted(found, reverse=True))


def test_swa_at_a_cyclic_rate_is_that_of_the_paper_on_subspaces():
    models = 6
    expected = [0.1 * (e + 1) / 5 for e in range(5)]
    expected += [0.05 * (1 + math.cos(math.pi * (e - 5) / 115)) for e in range(5, 120)]
    length = 40 / (models - 1)
    expected += [0.025 * (1 + math.cos(math.pi * ((e - 120) % length) / length)) for e in range(120, 160)]
    assert rates(160, 0.1, kind="swa_cyclic", cycles=models, warmup=5) == pytest.approx(expected)


@pytest.mark.parametrize(
    "kind", ["constant", "step", "smooth", "cosine", "cycles", "swa_constant", "swa_cyclic"]
)
@pytest.mark.parametrize("warmup", [0, 2, 3, 9])
def test_warm_up_comes_before_any_schedule_however_short_the_run(kind, warmup):
    found = rates(3, kind=kind, warmup=warmup)
    assert found[:warmup] == pytest.approx([0.4 * (e + 1) / warmup for e in range(min(warmup, 3))])
    assert all(0 < rate <= 0.4 for rate in found)


def test_a_run_takes_the_rates_of_its_schedule():
    run = trained(small_run(schedule={"kind": "cosine", "warmup": 2}))
    network, losses = plain_training(run, functional.cross_entropy, sgd, [0.005, 0.01, 0.01, 0.005])
    assert_same(run, network, losses)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"schedule": {"kind": "cosine", "every": 2}},
            "schedule.every: cosine does not take it; allowed: kind, w",
        ),
        (
            {"schedule": {"kind": "step", "cycles": 2}},
            "schedule.cycles: step does not take it; allowed: kind, ev",
        ),
        ({"schedule": {"kind": "milestones"}}, "schedule.milestones is missing; milestones needs it"),
        (
            {"loss": {"kind": "hinge", "smoothing": 0.1}},
            "loss.smoothing: hinge does not take it; allowed: kind",
        ),
        (
            {"stop": {"train_accuracy": 1.0}},
            "snapshots: a run with `stop` may end before any epoch but 0; exp",
        ),
    ],
)
def test_keys_that_do_not_go_together_are_refused(changes, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        small_run(**{"schedule": CONSTANT, **changes})


# Parts that are trained


def test_only_the_named_modules_are_trained():
    run = trained(small_run(trainable=["head", "norm"], schedule=CONSTANT))

    def optimiser_of(network):
        network.conv.requires_grad_(False)
        return torch.optim.SGD(
            [*network.norm.parameters(), *network.head.parameters()], 0.01, 0.9, weight_decay=5e-4
        )

    network, losses = plain_training(run, functional.cross_entropy, optimiser_of, [0.01] * 4)
    assert_same(run, network, losses)
    start, end = run.initial_network().state_dict(), run.whole_state_dict()
    still = [name for name in start if torch.equal(start[name], end[name])]
    assert still == ["conv.weight", "conv.bias"]


def test_what_is_not_trained_keeps_its_bits_in_a_network_that_could_be_folded():
    run = trained(small_run(architecture="vgg11", width=0.0625, size=32, epochs=1, trainable=["features.0"]))
    start, end = run.initial_network().state_dict(), run.whole_state_dict()
    moved = [name for name in start if not torch.equal(start[name], end[name])]
    assert moved == ["features.0.weight", "features.0.bias"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [("haed", "did you mean head?"), ("relu", "it has conv, norm, head"), ("conv.weight", "conv")],
)
def test_a_module_that_cannot_be_trained_is_refused(name, hint):
    with pytest.raises(InputError, match=f"trainable: '{name}' is no module with parameters .*{hint}"):
        small_run(trainable=[name])


@pytest.mark.parametrize("after", [0, 2, 3])
def test_batch_norm_is_frozen_after_an_epoch(after):
    run = trained(small_run(batch_norm={"frozen_after": after}, schedule=CONSTANT))

    def before_epoch(network, epoch):
        if epoch > after:
            network.norm.eval()

    network, losses = plain_training(run, functional.cross_entropy, sgd, [0.01] * 4, before_epoch)
    assert_same(run, network, losses)
