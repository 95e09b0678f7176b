"""A run of training: against a plain loop, and its independence of bookkeeping."""

import pytest
import torch
from conftest import make_dataset, run_of, settings_of
from torch.nn import functional
from torch.nn.functional import cross_entropy
from torch.nn.init import constant_

from anatomy.data.dataset import channel_statistics, open_dataset
from anatomy.data.splits import split_indices
from anatomy.networks import cpu_layers
from anatomy.networks.build import build_network
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream, stream_seed
from anatomy.runtime.torchvision_import import v2
from anatomy.training.evaluation import evaluate
from anatomy.training.loop import final_values


def plain_training(dataset, settings, seed):
    """The same run written the ordinary way: full classifier, per-sample transforms, torch.optim."""
    transforms = v2.functional
    mean, std = channel_statistics(dataset.train_images)
    images = torch.from_numpy(dataset.train_images)
    labels = torch.from_numpy(dataset.train_labels)
    train, _ = split_indices(len(images), settings.validation_fraction, settings.split_seed)
    network = build_network("vgg11", 4, 3, settings.width, stream(seed, "initialisation"), "kaiming")
    optimiser = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, weight_decay=5e-4)
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, 2, 0.1)
    losses = []
    for epoch in range(1, settings.epochs + 1):
        order = torch.randperm(len(train), generator=stream(seed, "order", epoch))
        random = stream(seed, "augmentation", epoch)
        offsets = torch.randint(0, 5, (2, len(train)), generator=random)
        flips = torch.rand(len(train), generator=random) < 0.5
        torch.manual_seed(stream_seed(seed, "dropout", epoch))
        network.train()
        total = 0.0
        for index in order.split(settings.batch_size):
            batch = []
            for i in index.tolist():
                image = transforms.pad(images[train[i]], [2] * 4)
                image = transforms.crop(image, *offsets[:, i].tolist(), 32, 32)
                image = transforms.horizontal_flip(image) if flips[i] else image
                image = transforms.to_dtype(image, scale=True)
                batch.append(transforms.normalize(image, mean, std))
            loss = functional.cross_entropy(network(torch.stack(batch)), labels[train[index]])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(index)
        scheduler.step()
        losses.append(total / len(train))
    return network, losses


def test_a_run_equals_plain_training():
    """Folding, augmentation, schedule, weight decay and the short last batch, all at once."""
    dataset = make_dataset(train=100)
    mean, std = channel_statistics(dataset.train_images)
    description = {"classes": dataset.classes, "channels": 3, "mean": mean, "std": std}
    run = run_of(dataset, description, 1)
    while run.epoch < 2:
        run.advance()
    halfway, _ = plain_training(dataset, settings_of(epochs=2), 1)
    restored = run.whole_state_dict()["classifier.0.weight"]
    assert (restored - halfway.get_parameter("classifier.0.weight")).abs().max() < 1e-5
    run.advance()
    network, losses = plain_training(dataset, settings_of(), 1)
    assert [record.train_loss for record in run.history[1:]] == pytest.approx(losses, abs=1e-4)
    initial = build_network(
        "vgg11", 4, 3, settings_of().width, stream(1, "initialisation"), "kaiming"
    ).state_dict()
    for name, tensor in run.whole_state_dict().items():
        expected = network.state_dict()[name]
        moved = (expected - initial[name]).abs().max()
        assert (tensor - expected).abs().max() < max(1e-6, 0.02 * moved), name
    assert [record.learning_rate for record in run.history] == pytest.approx([None, 0.01, 0.01, 0.001])


def batches_of(run, monkeypatch):
    """Train one epoch; return the image indices of every batch, in order."""
    seen = []
    original = run.task.images.read

    def record(batches, crops):
        seen.extend(index.tolist() for index in batches)
        return original(batches, crops)

    monkeypatch.setattr(run.task.images, "read", record)
    run.advance()
    run.advance()
    return seen


def test_each_stream_changes_only_what_it_should(dataset_folder, monkeypatch):
    dataset, description = open_dataset(dataset_folder)

    def run(seed=0, **changes):
        return run_of(dataset, description, seed, **changes)

    still = {"shift": 0, "flip": False}
    moving, fixed, other_split, other_seed = run(), run(augmentation=still), run(split_seed=1), run(1)
    weights = [r.network.features[0].weight.clone() for r in (moving, fixed, other_split, other_seed)]
    assert torch.equal(weights[0], weights[1])
    assert torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], weights[3])
    held_out = [r.task.validation[0].pixels for r in (moving, other_seed, other_split)]
    assert torch.equal(held_out[0], held_out[1])
    assert not torch.equal(held_out[0], held_out[2])
    order = batches_of(moving, monkeypatch)
    assert sorted(index for batch in order for index in batch) == list(range(len(moving.task.train_labels)))
    assert batches_of(fixed, monkeypatch) == order
    assert batches_of(other_split, monkeypatch) == order
    assert batches_of(other_seed, monkeypatch) != order
    assert not torch.equal(moving.network.features[0].weight, fixed.network.features[0].weight)


def test_losses_that_are_no_numbers_end_a_run_wherever_they_appear(dataset_folder):
    """In the validation of an epoch, of the last one too, and in the final values."""
    dataset, description = open_dataset(dataset_folder)

    def bias(run):
        return run.network.classifier[-1].bias

    run = run_of(dataset, description, epochs=1)
    run.advance()
    constant_(bias(run), torch.nan)
    run.train_epoch = lambda epoch: (1.0, 0.5)
    with pytest.raises(
        InputError, match=r"^the validation loss is nan in epoch 1 at learning rate 0.01; lower"
    ):
        run.advance()
    run = run_of(dataset, description)
    constant_(bias(run), torch.inf)
    with pytest.raises(
        InputError, match=r"^the validation loss is nan before the first step; correct the wei"
    ):
        run.advance()
    run = run_of(dataset, description)
    run.advance()
    run.advance()
    constant_(bias(run), torch.nan)
    with pytest.raises(InputError, match=r"^the train loss is nan in epoch 1 at learning rate 0.01; lower"):
        final_values(run)


def test_the_loss_that_is_minimised_is_the_one_that_is_measured(dataset_folder):
    dataset, description = open_dataset(dataset_folder)
    run = run_of(dataset, description)
    run.loss = lambda logits, target, reduction="mean": 2 * cross_entropy(logits, target, reduction=reduction)
    twice, accuracy = run.measure(*run.task.validation)
    run.loss = cross_entropy
    assert (twice / 2, accuracy) == pytest.approx(run.measure(*run.task.validation))


def test_evaluating_more_often_changes_no_weight(dataset_folder):
    dataset, description = open_dataset(dataset_folder)
    runs = [run_of(dataset, description) for _ in range(2)]
    for run in runs:
        run.advance()
    for _ in range(3):
        evaluate(runs[1].network, *runs[1].task.validation, runs[1].task.normalise, "float32", cross_entropy)
        torch.rand(5)
    for run in runs:
        run.advance()
    first, second = (run.whole_state_dict() for run in runs)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_faster_layers_train_the_same_network_and_repeat_their_bits(dataset_folder, monkeypatch):
    dataset, description = open_dataset(dataset_folder)

    def weights(*ways):
        units = torch.backends.cpu.get_cpu_capability()
        for way in ("LEAST_LINEAR_WEIGHTS", "LEAST_WHOLE_WEIGHTS"):
            monkeypatch.setattr(cpu_layers, way, {(units, torch.float32): 0} if way in ways else {})
        run = run_of(dataset, description)
        while run.epoch < 2:
            run.advance()
        return run.network.state_dict()

    plain = weights()
    for way in ("LEAST_LINEAR_WEIGHTS", "LEAST_WHOLE_WEIGHTS"):
        fast, again = weights(way), weights(way)
        for name, tensor in plain.items():
            assert torch.equal(fast[name], again[name])
            assert torch.allclose(fast[name], tensor, rtol=1e-3, atol=1e-5)
        assert any(not torch.equal(fast[name], tensor) for name, tensor in plain.items())


def test_a_snapshot_keeps_its_weights_while_training_goes_on(dataset_folder):
    dataset, description = open_dataset(dataset_folder)
    run = run_of(dataset, description)
    run.advance()
    snapshot = run.snapshot({})
    before = {name: array.copy() for name, array in snapshot.arrays.items()}
    run.advance()
    assert all((snapshot.arrays[name] == array).all() for name, array in before.items())
    later = run.snapshot({})
    assert any((later.arrays[name] != array).any() for name, array in before.items())
    reused = run.snapshot({}, snapshot)
    assert all(reused.arrays[name] is array for name, array in snapshot.arrays.items())
    assert all((reused.arrays[name] == array).all() for name, array in later.arrays.items())


def test_images_that_do_not_fit_the_network_are_refused(dataset_folder):
    dataset = make_dataset(size=28)
    description = {"classes": dataset.classes, "channels": 3, "mean": [0.5] * 3, "std": [0.2] * 3}
    with pytest.raises(InputError, match="28x28 px are too small"):
        run_of(dataset, description, architecture="vgg19")


@pytest.mark.parametrize(("fraction", "held_out"), [(0.001, 0), (0.999, 96)])
def test_a_split_without_training_or_validation_images_is_refused(dataset_folder, fraction, held_out):
    dataset, description = open_dataset(dataset_folder)
    message = f"validation_fraction {fraction} holds out {held_out} of 96 images"
    with pytest.raises(InputError, match=message):
        run_of(dataset, description, validation_fraction=fraction)
