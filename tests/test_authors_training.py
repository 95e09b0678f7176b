"""train.py with the options of the authors' train.py, against plain computations."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import test_official
import torch
from conftest import SCRIPTS, environment, make_dataset
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from test_official import serve, server  # noqa: F401
from torch.nn import functional

from hyperplanes import noise
from hyperplanes.architectures import build_network
from hyperplanes.authors_settings import check_options, data_choice, run_folder, schedule, snapshot_epochs
from hyperplanes.authors_training import AuthoredRun, choices
from hyperplanes.datasets import channel_statistics, read_dataset, write_dataset
from hyperplanes.errors import InputError
from hyperplanes.files import read_json
from hyperplanes.named_data import DataChoice, open_named
from hyperplanes.noise import KeyedPixelShuffle
from hyperplanes.reset_weights import trained_network, weights_of_run
from hyperplanes.schedules import learning_rate
from hyperplanes.snapshots import load_snapshot
from hyperplanes.splits import authors_split, split_of
from hyperplanes.starts import read_start
from hyperplanes.streams import stream, stream_seed
from hyperplanes.upscaling import UpscaledImages
from train import options_parser

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def inside(tmp_path, monkeypatch):
    """Run in an empty directory, where the defaults put their files."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shades():
    """A prepared data set of 96 + 40 grey images of 28 px in 4 classes, in the directory `shades`."""
    write_dataset(make_dataset(channels=1, size=28), Path("shades"), "shades", {"source": "test"})
    return read_dataset(Path("shades"))[0]


@pytest.fixture
def official(server, monkeypatch):  # noqa: F811
    """A function that puts the official files of a data set, with few random images, into `data`."""

    def put(name, per_file=20):
        monkeypatch.setattr(test_official, "PER_FILE", per_file)
        serve(name, server, monkeypatch)

    return put


def parsed(*options):
    return options_parser().parse_args([*map(str, options), "--threads", "1"])


def authored(*options):
    """A run of LeNet on `shades`, unless options say otherwise."""
    defaults = ["--arch", "lenet", "--dataset", "shades", "--seed", "3", "--batch-size", "20"]
    return AuthoredRun(parsed(*defaults, *options), "cpu")


def trained(*options):
    """Train to the end; return the run directory."""
    run = authored(*options)
    run.train()
    return run.folder


def history(folder):
    with open(folder / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def plain_run(data, epochs, optimiser, network=None, first=1, shuffle_seed=None):
    """Train LeNet on images in their order, written the ordinary way; return network and optimiser."""
    mean, std = channel_statistics(data.train_images)
    images = (torch.from_numpy(data.train_images) / 255 - mean[0]) / std[0]
    labels = torch.from_numpy(data.train_labels)
    if network is None:
        network = build_network("lenet", 4, 1, 1.0, stream(3, "initialisation"), {"kind": "authors"})
    optimiser = optimiser(network.parameters())
    for epoch in range(first, first + epochs):
        torch.manual_seed(stream_seed(3, "dropout", epoch))
        network.train()
        for batch in torch.arange(len(images)).split(20):
            optimiser.zero_grad()
            functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimiser.step()
    return network, optimiser


def assert_close(folder, network, tolerance=1e-5):
    """Compare the final weights with a network; weights move by 0.01 and more."""
    for name, tensor in load_file(folder / "final.safetensors").items():
        assert (tensor - network.state_dict()[name]).abs().mean() < tolerance, name


DEFAULTS = {
    **dict.fromkeys(("arch", "dataset", "class_sample_seed", "noise_seed", "split_seed", "seed")),
    **dict.fromkeys(("augmentation", "upscale", "upscale_padding", "pretrained", "stratified"), False),
    **dict.fromkeys(("shuffle", "evaluate", "evaluate_train", "eval_regularization_loss", "cuda"), False),
    **dict.fromkeys(("override", "kill_plateaus", "train_acc", "unnormalize"), False),
    **dict.fromkeys(("subsample_classes", "noise", "split", "start_epoch", "lr_step", "lr_decay"), 0),
    **dict.fromkeys(("snapshot_every", "snapshot_all_until"), 0),
    **{"workers": 1, "epochs": 20, "batch_size": 128, "optimizer": "sgd", "lr": 0.001, "momentum": 0.9},
    **{"weight_decay": 1e-4, "models_path": Path("models"), "tb_logdir": Path("tensorboard")},
    **{"data_path": Path("data"), "log": "train.log", "resume_from": ""},
}


def test_every_option_has_the_default_of_the_original():
    options = vars(options_parser().parse_args([]))
    ours = {"threads", "save_every"}
    assert {name: value for name, value in options.items() if name not in ours} == DEFAULTS
    assert parsed("-j", 4).workers == 4


def test_without_names_the_program_lists_them():
    command = [sys.executable, SCRIPTS / "train.py", "--arch", "vgg19"]
    result = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == choices(parsed("--arch", "vgg19")) + "\n"
    assert "cifar100\nimagenet\nmnist" in result.stdout
    for options, shown in (([], "vgg19_orig"), ([], "mnist"), (["--dataset", "mnist"], "lenet")):
        assert shown in choices(parsed(*options)).splitlines()
    assert "cifar10" not in choices(parsed("--dataset", "mnist"))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], [0, 20]),
        (["--snapshot-every", 6], [0, 6, 12, 18, 20]),
        (["--snapshot-all-until", 3], [0, 1, 2, 3, 20]),
        (["--snapshot-every", 10, "--snapshot-all-until", 2], [0, 1, 2, 10, 20]),
    ],
)
def test_epochs_with_snapshots(options, expected):
    """The authors' e from 0 is saved if e < N, if e + 1 is a multiple of E, or if it is the last."""
    options = parsed(*options)
    every, until = options.snapshot_every or 20, options.snapshot_all_until
    assert [0, *(e + 1 for e in range(20) if e < until or (e + 1) % every == 0 or e == 19)] == expected
    assert snapshot_epochs(options, 0) == expected


@pytest.mark.parametrize(("step", "factor"), [(25, 0.1), (1, 0.91201), (1, 0.95), (0, 0)])
def test_schedule_is_that_of_torch(step, factor):
    options = parsed("--lr", 0.01, "--lr-step", step, "--lr-decay", factor)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, step or 1, factor or 1)
    for epoch in range(1, 101):
        assert learning_rate(0.01, schedule(options), epoch) == pytest.approx(scheduler.get_last_lr()[0])
        optimiser.step()
        scheduler.step()


# Splits


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("images", [60_000, 50_000])
@pytest.mark.parametrize("fraction", [0, 0.1, 0.2, 0.35, 0.5, 0.9, 0.99])
def test_split_holds_out_the_end_of_the_list(images, fraction, shuffle):
    settings = {
        "validation_fraction": fraction,
        "split_seed": 5,
        "split": {"shuffle": shuffle, "stratified": False},
    }
    train, validation = split_of(settings, torch.zeros(images))
    held_out = int(np.floor(images * fraction))
    batches = [-(-len(part) // 128) for part in (train, validation if held_out else [])]
    assert batches == [-(-(images - held_out) // 128), -(-held_out // 128)]
    if not held_out:
        assert validation is None
    elif shuffle:
        assert torch.equal(torch.cat([train, validation]).sort().values, torch.arange(images))
        assert abs(validation.double().mean() / images - 0.5) < 3 / np.sqrt(12 * held_out)
    else:
        assert (train[-1], validation[0]) == (images - held_out - 1, images - held_out)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.floats(0, 0.99), st.booleans())
def test_stratified_split_takes_the_same_share_of_every_class(labels, fraction, shuffle):
    labels = torch.tensor(labels)
    train, validation = authors_split(labels, fraction, 0, shuffle, True)
    assert sorted([*train.tolist(), *validation.tolist()]) == list(range(len(labels)))
    assert len(validation) == int(np.floor(len(labels) * fraction))
    for label in labels.unique():
        count, held_out = (labels == label).sum(), (labels[validation] == label).sum()
        assert abs(held_out - count * fraction) < 1
        if not shuffle and held_out:
            last_train = torch.cat([torch.tensor([-1]), train[labels[train] == label]])[-1]
            assert last_train < validation[labels[validation] == label][0]


def test_validation_by_split_and_by_test_part(shades):
    split = authored("--split", 0.25)
    images, labels = split._run(split.facts["settings"]).validation
    assert torch.equal(labels, torch.from_numpy(shades.train_labels[72:]))
    assert torch.equal(next(images.plain(24)), torch.from_numpy(shades.train_images[72:]))
    whole = authored()
    images, labels = whole._run(whole.facts["settings"]).validation
    assert torch.equal(next(images.plain(40)), torch.from_numpy(shades.test_images))
    assert torch.equal(labels, torch.from_numpy(shades.test_labels))


def test_order_is_drawn_with_a_split_or_shuffle_only(shades):
    for options, drawn in ((["--split", 0.5], True), (["--shuffle"], True), ([], False)):
        run = authored(*options)
        run = run._run(run.facts["settings"])
        order = run.start_epoch(1)
        assert torch.equal(order, torch.arange(len(order))) == (not drawn)


# Data


def test_noise_makes_labels_wrong_and_leaves_validation(shades):
    for share, low, high in ((1, 1, 1), (0.5, 0.3, 0.7), (0, 0, 0)):
        run = authored("--noise", share, "--noise-seed", 1, "--split", 0.25)
        run = run._run(run.facts["settings"])
        wrong = (run.labels != torch.from_numpy(shades.train_labels[:72])).double().mean()
        assert low <= wrong <= high
        assert torch.equal(run.validation[1], torch.from_numpy(shades.train_labels[72:]))
    again = [authored("--noise", 0.5, "--noise-seed", seed, "--seed", 9) for seed in (1, 1, 2)]
    labels = [run._run(run.facts["settings"]).labels for run in again]
    assert torch.equal(labels[0], labels[1])
    assert not torch.equal(labels[0], labels[2])


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ([], "mnist/vgg19/0"),
        (["--noise", 0.29], "mnist/noise_29/vgg19/0"),
        (["--noise", 0.125, "--subsample-classes", 5], "mnist_5/noise_12.5/vgg19/0"),
        (["--noise", -1], "mnist/pixel_shuffle/vgg19/0"),
    ],
)
def test_place_of_a_run(options, place):
    options = parsed("--arch", "vgg19", "--dataset", "mnist", *options)
    assert run_folder(options, data_choice(options, 0), 0) == Path(place)


def test_pixels_are_shuffled_in_training_only(shades, monkeypatch):
    run = authored("--noise", -1, "--split", 0.25)
    run = run._run(run.facts["settings"])
    small = torch.from_numpy(shades.train_images[:72])
    moved = torch.cat(list(run.train_part()[0].plain(20)))
    assert torch.equal(moved.flatten(1).sort(1).values, small.flatten(1).sort(1).values)
    assert not torch.equal(moved, small)
    assert torch.equal(next(run.validation[0].plain(24)), torch.from_numpy(shades.train_images[72:]))
    # Permutations too large to be kept, as those of upscaled images.
    monkeypatch.setattr(noise, "MOST_POSITIONS", 0)
    folder = trained("--noise", -1, "--upscale-padding", "--epochs", 1, "--subsample-classes", 2)
    assert float(history(folder)[1]["train_loss"]) > 0


@given(st.integers(0, 2**61))
def test_drawn_permutations_are_permutations_of_their_own(key):
    shuffle = KeyedPixelShuffle(50, key)
    places = torch.arange(50).view(1, 1, 5, 10).repeat(3, 2, 1, 1)
    moved = shuffle(places, torch.tensor([4, 0, 4]))
    assert torch.equal(moved[0], moved[2])
    assert torch.equal(moved[:, 0], moved[:, 1])
    assert not torch.equal(moved[0], moved[1])
    assert torch.equal(moved.flatten(2).sort(2).values, places.flatten(2))


@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR100", "MNIST"])
def test_the_same_classes_are_kept_in_every_part(name, official):
    official(name, 200 if name == "CIFAR100" else 20)
    choice = DataChoice(name.lower(), Path("data"), 6)
    whole, _ = open_named(DataChoice(name.lower(), Path("data")))
    for seed in (None, 4):
        data, description = open_named(DataChoice(choice.dataset, choice.path, 6, seed))
        kept = [whole.classes.index(known) for known in description["classes"]]
        assert len(set(kept)) == 6
        assert (kept == list(range(6))) == (seed is None)
        for part in ("train", "test"):
            labels, before = getattr(data, f"{part}_labels"), getattr(whole, f"{part}_labels")
            chosen = np.isin(before, kept)
            assert np.array_equal(np.array(kept)[labels], before[chosen])
            images = getattr(whole, f"{part}_images")[chosen]
            assert np.array_equal(getattr(data, f"{part}_images"), images)


def pillow(images, size, border):
    mode = images.transpose(0, 2, 3, 1) if images.shape[1] == 3 else images[:, 0]
    large = [np.asarray(Image.fromarray(one).resize((size, size), Image.Resampling.BILINEAR)) for one in mode]
    stacked = np.stack(large).reshape(len(images), size, size, -1).transpose(0, 3, 1, 2)
    return np.pad(stacked, ((0, 0), (0, 0), (border, border), (border, border)))


@pytest.mark.parametrize(
    ("side", "size", "border"), [(32, 224, 0), (32, 112, 56), (28, 224, 0), (300, 224, 0)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_upscaling_equals_pillow(side, size, border, channels):
    images = np.random.default_rng(0).integers(0, 256, (4, channels, side, side + 5), dtype=np.uint8)
    images[0] = 255
    ours = next(UpscaledImages(torch.from_numpy(images), size, border).plain(4)).numpy()
    assert np.array_equal(ours, pillow(images, size, border))


def test_upscaled_images_are_augmented_after_it_and_normalised_as_theirs(official):
    official("CIFAR10", 4)
    run = authored("--dataset", "cifar10", "--upscale-padding", "--augmentation")
    assert run.description["mean"] == [0.1229, 0.1206, 0.1117]
    run = run._run(run.facts["settings"])
    run.start_epoch(1)
    index = torch.tensor([7, 0, 19])
    images = run.images.augment(index, run.draws)
    large = np.pad(pillow(run.images.images.numpy(), 112, 56), ((0, 0), (0, 0), (4, 4), (4, 4)))
    for number, image in zip(index.tolist(), images, strict=True):
        top, left = run.draws.top[number], run.draws.left[number]
        window = large[number, :, top : top + 224, left : left + 224]
        assert np.array_equal(image, window[..., ::-1] if run.draws.flip[number] else window)


def test_statistics_of_a_prepared_data_set_are_measured_after_upscaling(shades):
    data, description = open_named(DataChoice("shades", upscaling="plain"))
    assert data.image_shape == (1, 224, 224)
    large = pillow(shades.train_images, 224, 0) / 255
    assert description["mean"] == pytest.approx([large.mean()])
    assert description["std"] == pytest.approx([large.std()])


@pytest.mark.parametrize(
    ("name", "augmentation"),
    [("MNIST", {"shift": 4, "flip": False}), ("CIFAR10", {"shift": 4, "flip": True})],
)
def test_augmentation_of_small_images(name, augmentation, official):
    official(name, 4)
    settings = authored("--dataset", name.lower(), "--augmentation", "--unnormalize").facts["settings"]
    assert settings["augmentation"] == {**augmentation, "random_resized_crop": False}
    assert settings["pixels"] == "unit"


def image_folder():
    """Four images per class of three, as ImageNet has them."""
    for part in ("train", "val"):
        for label in range(3):
            folder = Path("imagenet", part, f"n{label}")
            folder.mkdir(parents=True)
            for number in range(4):
                Image.new("RGB", (260, 230 + number), (60 * label, 9, 9)).save(folder / f"{number}.png")


def test_the_documented_example_on_an_image_folder():
    """The README's: --arch vgg19 --dataset imagenet ... --epochs 40 --lr 0.01 --batch-size 128."""
    image_folder()
    command = [sys.executable, SCRIPTS / "train.py", "--arch", "lenet", "--dataset", "imagenet"]
    command += ["--data-path", "imagenet", "--epochs", "2", "--lr", "0.01", "--batch-size", "128"]
    command += ["--augmentation", "--shuffle", "--split", "0.25", "--subsample-classes", "2"]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment())
    assert result.returncode == 0, result.stderr
    [seed] = [line.split()[-1] for line in result.stderr.splitlines() if "drawn at random" in line]
    folder = Path("models/imagenet_2/lenet", seed)
    facts = json.loads((folder / "run.json").read_text())
    assert facts["seed"] == int(seed)
    assert facts["settings"]["augmentation"]["random_resized_crop"]
    assert (folder / "train.log").read_text().splitlines()[-1] in result.stderr
    assert [row["epoch"] for row in history(folder)] == ["0", "1", "2"]
    assert list(Path("tensorboard/imagenet_2/lenet", seed).iterdir())


# Training


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_a_run_equals_plain_training(kind, shades):
    folder = trained("--optimizer", kind, "--lr", 0.002, "--epochs", 2)
    optimisers = {
        "sgd": lambda p: torch.optim.SGD(p, 0.002, momentum=0.9, weight_decay=1e-4),
        "adam": lambda p: torch.optim.Adam(p, 0.002),
    }
    network, _ = plain_run(shades, 2, optimisers[kind])
    # Adam divides gradients near zero by themselves.
    assert_close(folder, network, {"sgd": 1e-5, "adam": 1e-4}[kind])


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_a_resumed_run_ends_in_the_bits_of_an_unbroken_one(kind, shades):
    options = ["--optimizer", kind, "--lr", 0.002, "--augmentation", "--split", 0.1, "--snapshot-every", 2]
    unbroken = trained(*options, "--epochs", 4, "--models-path", "unbroken")
    half = trained(*options, "--epochs", 2)
    initial = (half / "snapshots/epoch=0.safetensors").read_bytes()
    first = history(half)
    # Into another directory, which copies the run, and in place.
    for more in (["--models-path", "copied"], []):
        folder = trained(*options, "--epochs", 4, "--resume-from", half, *more)
        for name in ("final", "snapshots/epoch=4", "snapshots/epoch=2"):
            file = f"{name}.safetensors"
            assert (folder / file).read_bytes() == (unbroken / file).read_bytes()
        assert (folder / "snapshots/epoch=0.safetensors").read_bytes() == initial
        assert history(folder)[:3] == first
        assert [row["epoch"] for row in history(folder)] == ["0", "1", "2", "3", "4"]
    # The same command again finds it finished.
    before = (half / "final.safetensors").stat().st_mtime_ns
    trained(*options, "--epochs", 4, "--resume-from", half)
    assert (half / "final.safetensors").stat().st_mtime_ns == before


def test_resuming_from_the_authors_snapshot_goes_on_after_its_epoch(shades):
    def sgd(parameters):
        return torch.optim.SGD(parameters, 0.002, momentum=0.8, weight_decay=1e-3)

    network, optimiser = plain_run(shades, 2, sgd)
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, 30, 0.1)
    content = {
        "epoch": 1,
        "top1_acc": 10.0,
        "top5_acc": 50.0,
        "model_state_dict": {f"_orig_mod.module.{k}": v for k, v in network.state_dict().items()},
        "optimizer_state_dict": optimiser.state_dict(),
        "scheduler_state_dict": scheduler.state_dict(),
    }
    torch.save(content, "lenet_1.tar")
    folder = trained("--resume-from", "lenet_1.tar", "--epochs", 3)
    rows = history(folder)
    assert [row["epoch"] for row in rows] == ["2", "3"]
    assert rows[0]["train_loss"] == ""
    assert not (folder / "snapshots/epoch=0.safetensors").exists()
    facts = json.loads((folder / "run.json").read_text())
    assert facts["settings"]["optimiser"]["momentum"] == 0.8
    assert facts["settings"]["schedule"]["every"] == 30
    plain = plain_run(shades, 3, sgd)[0]
    assert_close(folder, plain)
    overridden = trained(
        "--resume-from", "lenet_1.tar", "--epochs", 3, "--override", "--lr", 0.1, "--models-path", "other"
    )
    assert float(history(overridden)[1]["learning_rate"]) == 0.1


def test_resuming_from_weights_alone_trains_them(shades):
    source = trained("--epochs", 2, "--lr", 0.002)
    torch.save(load_file(source / "final.safetensors"), "lenet_7.pt")
    weights = load_file(source / "final.safetensors")
    for path, first in ((source / "final.safetensors", 2), (Path("lenet_7.pt"), 7)):
        folder = trained("--resume-from", path, "--epochs", 8, "--models-path", f"from_{first}")
        assert history(folder)[0]["epoch"] == str(first)
        moved = load_file(folder / "final.safetensors")
        assert all(not torch.equal(moved[name], weights[name]) for name in weights if "weight" in name)
        start = load_snapshot(folder / f"snapshots/epoch={first}.safetensors")
        assert np.array_equal(start.arrays["features.0.weight"], weights["features.0.weight"])
    folder = trained("--resume-from", "lenet_7.pt", "--start-epoch", 1, "--epochs", 2, "--models-path", "s")
    assert [row["epoch"] for row in history(folder)] == ["1", "2"]


def test_another_seed_or_rate_branches_off_a_run(shades):
    source = trained("--epochs", 2, "--lr", 0.002)
    folder = trained("--resume-from", source, "--epochs", 3, "--seed", 8, "--override", "--lr", 0.004)
    assert float(history(folder)[1]["learning_rate"]) == 0.004
    kept = trained(
        "--resume-from", source, "--epochs", 3, "--seed", 8, "--lr", 0.004, "--models-path", "kept"
    )
    assert float(history(kept)[1]["learning_rate"]) == 0.002
    with pytest.raises(InputError, match=r"in its place .*: --batch-size \(20 there, 9 here\); give another"):
        trained(
            "--resume-from",
            source,
            "--epochs",
            3,
            "--lr",
            0.004,
            "--models-path",
            "models",
            "--batch-size",
            9,
        )


def test_a_run_with_other_options_is_not_overwritten(shades):
    folder = trained("--epochs", 1)
    final = (folder / "final.safetensors").read_bytes()
    with pytest.raises(InputError, match=r"--weight-decay \(0.0001 there, 0.5 here\); give another"):
        trained("--epochs", 1, "--weight-decay", 0.5)
    with pytest.raises(InputError, match=f"or --resume-from {folder} to go on"):
        trained("--epochs", 2)
    assert (folder / "final.safetensors").read_bytes() == final
    trained("--epochs", 1, "--weight-decay", 0.5, "--override")
    assert (folder / "final.safetensors").read_bytes() != final


def test_a_plateau_ends_a_run_that_can_go_on_without_the_option(shades, capsys):
    options = ["--lr", 1e-12, "--epochs", 4]
    folder = trained(*options, "--kill-plateaus")
    assert "after epochs 1 and 2" in capsys.readouterr().err
    assert [row["epoch"] for row in history(folder / "resume")] == ["0", "1", "2"]
    assert not (folder / "final.safetensors").exists()
    trained(*options)
    assert "continuing after epoch 2" in capsys.readouterr().err
    assert [row["epoch"] for row in history(folder)] == ["0", "1", "2", "3", "4"]


def test_tensorboard_has_the_true_means(shades):
    folder = trained("--epochs", 3, "--lr", 0.01, "--lr-step", 1, "--lr-decay", 0.5, "--train-acc")
    board = EventAccumulator("tensorboard/shades/lenet/3").Reload()
    rows = history(folder)[1:]
    for tag, column, factor in (
        ("Loss/train", "train_loss", 1),
        ("Lr", "learning_rate", 1),
        ("Loss/val", "validation_loss", 1),
        ("Accuracy/val/top1", "validation_accuracy", 100),
    ):
        found = {event.step: event.value for event in board.Scalars(tag) if event.step}
        assert found == pytest.approx({int(r["epoch"]): factor * float(r[column]) for r in rows}, rel=1e-6)
    assert [row["learning_rate"] for row in rows] == ["0.01", "0.005", "0.0025"]
    test = json.loads((folder / "test.json").read_text())
    assert board.Scalars("Accuracy/test/top1")[0].value == pytest.approx(100 * test["top1"])
    assert board.Scalars("Accuracy/test/top5")[0].value == 100 == 100 * test["top5"]
    # Without a split the test part validates.
    assert test["top1"] == float(rows[-1]["validation_accuracy"])
    assert [event.step for event in board.Scalars("Accuracy/train/top1")] == [3]


def test_evaluation_of_a_checkpoint(official):
    official("CIFAR10")
    network = build_network("lenet", 10, 3, 1.0, stream(1, "x")).eval()
    save_file(network.state_dict(), "weights.safetensors")
    data, description = open_named(DataChoice("cifar10", Path("data")))
    mean, std = (torch.tensor(description[key])[:, None, None] for key in ("mean", "std"))
    with torch.no_grad():
        logits = network((torch.from_numpy(data.test_images) / 255 - mean) / std)
    labels = torch.from_numpy(data.test_labels)
    ranks = (logits > logits[torch.arange(len(labels)), labels][:, None]).sum(1)
    loss = functional.cross_entropy(logits, labels).item()
    tops = [(ranks < top).double().mean().item() for top in (1, 5)]
    options = ["--dataset", "cifar10", "--resume-from", "weights.safetensors"]
    lines = authored(*options, "--evaluate", "--eval-regularization-loss", "--weight-decay", 0.01).evaluate()
    norms = sum(p.norm().item() for name, p in network.named_parameters() if name.endswith("weight"))
    assert lines == [
        f"test: loss {loss:.4f}, top-1 {tops[0]:.2%}, top-5 {tops[1]:.2%}",
        f"regularization loss: {0.01 * norms:.6g}",
    ]
    [line] = authored(*options, "--evaluate-train").evaluate()
    assert line.startswith("train: loss ")


def test_the_other_programs_read_a_run(shades):
    folder = trained("--epochs", 1)
    command = [sys.executable, SCRIPTS / "reinit_layers.py", "--run", folder, "--dataset", "shades"]
    command += ["--snapshots", folder / "snapshots/epoch=0.safetensors", "--output", "reinit.csv"]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment())
    assert result.returncode == 0, result.stderr
    assert len(Path("reinit.csv").read_text().splitlines()) > 6


@pytest.mark.parametrize(
    "options",
    [
        ["--upscale-padding"],
        ["--unnormalize", "--subsample-classes", 2, "--shuffle"],
    ],
)
def test_resetting_starts_from_the_accuracy_of_training(options, shades):
    folder = trained("--epochs", 1, "--lr", 0.005, "--batch-size", 8, *options)
    command = [sys.executable, SCRIPTS / "reinit_layers.py", "--arch", "lenet", "--dataset", "shades"]
    command += [*options, "--load-from", folder / "final.safetensors", "--rand"]
    if "--shuffle" in options:
        command.remove("--shuffle")
        command += ["--class-sample-seed", 3]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment())
    assert result.returncode == 0, result.stderr
    [path] = Path("results").rglob("reinit_final.json")
    assert json.loads(path.read_text())["top1_test"] == pytest.approx(
        100 * json.loads((folder / "test.json").read_text())["top1"]
    )
    with pytest.raises(InputError, match=f"--run sees .* measure it with --load-from {folder}/final.safe"):
        trained_network(folder, read_json(Path("shades/dataset.json")))


def test_linear_layers_of_a_checkpoint_are_not_drawn_from_the_seed(shades):
    source = trained("--epochs", 1)
    torch.save(load_file(source / "final.safetensors"), "weights.pt")
    folder = trained("--resume-from", "weights.pt", "--epochs", 1, "--models-path", "other")
    description = read_json(Path("shades/dataset.json"))
    network, facts = trained_network(folder, description)
    snapshots = [folder / "snapshots/epoch=0.safetensors"]
    assert list(weights_of_run(network, facts, description, snapshots, 0, linear=False)) == ["0"]
    with pytest.raises(InputError, match="the run began with the weights of a checkpoint; leave --with-lin"):
        weights_of_run(network, facts, description, snapshots, 0, linear=True)


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


def test_weights_from_before_batch_norm_counted_are_loaded():
    saved, network = (build_network("vgg11bn", 4, 3, 0.0625, stream(seed, "x")) for seed in (0, 1))
    weights = {name: t for name, t in saved.state_dict().items() if not name.endswith("num_batches_tracked")}
    torch.save(weights, "vgg11bn.pt")
    network.features[1].num_batches_tracked.fill_(5)
    read_start(Path("vgg11bn.pt")).load(network)
    assert network.features[1].num_batches_tracked == 5
    assert torch.equal(network.features[0].weight, saved.features[0].weight)


def test_released_weights_with_auxiliary_classifiers_are_loaded():
    from hyperplanes.vision import models

    released = models.googlenet(weights=None, aux_logits=True, init_weights=False).state_dict()
    torch.save({"state_dict": released}, "googlenet.pth")
    network = build_network("googlenet", 1000, 3, 1.0, stream(0, "x"))
    read_start(Path("googlenet.pth")).load(network)
    assert torch.equal(network.fc.weight, released["fc.weight"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--noise", 1.5], "--noise is 1.5; expected 0 to 1"),
        (["--noise", -0.5], "--noise is -0.5; expected 0 to 1, or -1"),
        (["--split", 1], "--split is 1.0; expected at least 0 and less than 1"),
        (["--lr-step", 5], "--lr-step and --lr-decay go together"),
        (["--upscale", "--upscale-padding"], "exclude each other"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        check_options(parsed(*options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dataset", "svhn"], "--dataset svhn is neither a name nor the directory of a prepared data set"),
        (["--arch", "lennet"], "'lennet' is not an architecture, did you mean lenet"),
        (["--subsample-classes", 5], "--subsample-classes 5: shades has 4 classes"),
        (["--pretrained"], "--pretrained networks tell 1000 classes apart, --dataset has 4"),
        (["--resume-from", "gone.tar"], "--resume-from gone.tar does not exist"),
        (["--resume-from", "shades"], "shades is no run directory"),
        (["--resume-from", "text.pt"], "text.pt is neither safetensors nor a checkpoint of torch.save"),
        (["--resume-from", "few.pt"], "few.pt has no features.0.bias"),
        (
            ["--resume-from", "wide.pt"],
            r"features.0.weight has shape \(9, 1, 3, 3\), expected \(6, 1, 3, 3\)",
        ),
        (["--resume-from", "other_1.tar"], "other_1.tar: its optimiser has 1 parameters, the network"),
        (["--resume-from", "lenet_20.pt"], "--epochs is 20, but lenet_20.pt is further"),
        (["--dataset", "imagenet", "--data-path", "empty"], "imagenet"),
        (["--split", 0.001], "holds out 0 of 96 images"),
    ],
)
def test_bad_input_is_refused(options, message, shades):
    Path("empty").mkdir()
    Path("text.pt").write_text("no tensors")
    torch.save({"features.0.weight": torch.zeros(6, 1, 3, 3)}, "few.pt")
    state = build_network("lenet", 4, 1, 1.0, stream(0, "x")).state_dict()
    torch.save(state, "lenet_20.pt")
    snapshot = {"optimizer_state_dict": {"state": {}, "param_groups": [{"params": [0]}]}, "epoch": 1}
    torch.save({"model_state_dict": state, **snapshot}, "other_1.tar")
    torch.save({**state, "features.0.weight": torch.zeros(9, 1, 3, 3)}, "wide.pt")
    with pytest.raises(InputError, match=message):
        trained(*options)
    shutil.rmtree("shades")
