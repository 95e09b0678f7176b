"""The authors' train.py, against plain computations."""

import json
from pathlib import Path

import pytest
import torch
from command_line_runs import assert_close, command_line_run, history, plain_run, prepared_run, seen, trained
from conftest import RUN_SCHEMA, SCRIPTS
from conftest import run as run_forked_program
from official_files import serve
from PIL import Image
from safetensors.torch import load_file, save_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.nn import functional
from torch.nn.functional import cross_entropy
from training_program import HASTY

from anatomy.data import noise
from anatomy.data.dataset import write_dataset
from anatomy.networks.build import build_network
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream
from anatomy.studies.arrangements.hp_arrangements.data import DataChoice, open_named
from anatomy.studies.arrangements.hp_arrangements.names import choices
from anatomy.studies.arrangements.reinitialisation.weights import weights_of_run
from anatomy.training.evaluation import evaluate
from anatomy.training.trained import open_run

pytestmark = pytest.mark.usefixtures("inside")

PROGRAMS = SCRIPTS / "hp_arrangements"


@pytest.mark.parametrize("options", [["--arch", "vgg19"], ["--dataset", "mnist"], []])
def test_without_names_the_program_lists_them(options):
    result = run_forked_program(PROGRAMS / "train.py", *options)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == choices() + "\n"
    assert all(name in result.stdout for name in ("vgg19_orig", "resnet18", "timm/<name>"))
    assert "data sets: cifar10, cifar100, imagenet, mnist, the directory of" in result.stdout


def test_an_edit_between_start_and_import_is_noticed(shades):
    Path("hasty_net.py").write_text(HASTY)
    common = ["--arch", "hasty_net:net", "--dataset", "shades"]
    training = [PROGRAMS / "train.py", *common, "--seed", "3", "--epochs", "1", "--threads", "1"]
    weights = "models/shades/hasty_net:net/3/final.safetensors"
    measuring = [PROGRAMS / "reinit_layers.py", *common, "--rand", "--load-from", weights, "--threads", "1"]
    for command, done in ((training, "prepared"), (measuring, "measured")):
        Path("edited").unlink(missing_ok=True)
        results = [run_forked_program(*command) for _ in range(2)]
        assert [result.returncode for result in results] == [1, 0], results
        assert "error: the code was edited while models/shades/hasty_net:net/3" in results[0].stderr
        assert f"was {done}; run again to do so with the new code" in results[0].stderr


def test_validation_by_split_and_by_test_part(shades):
    images, labels = prepared_run("--split", 0.25).task.validation
    assert torch.equal(labels, torch.from_numpy(shades.train_labels[72:]))
    assert torch.equal(next(images.plain(24)), torch.from_numpy(shades.train_images[72:]))
    images, labels = prepared_run().task.validation
    assert torch.equal(next(images.plain(40)), torch.from_numpy(shades.test_images))
    assert torch.equal(labels, torch.from_numpy(shades.test_labels))


def test_order_is_drawn_with_a_split_or_shuffle_only(shades):
    for options, drawn in ((["--split", 0.5], True), (["--shuffle"], True), ([], False)):
        order = prepared_run(*options).start_epoch(1)
        assert torch.equal(order, torch.arange(len(order))) == (not drawn)


def test_noise_makes_labels_wrong_and_leaves_validation(shades):
    for fraction, low, high in ((1, 1, 1), (0.5, 0.3, 0.7), (0, 0, 0)):
        task = prepared_run("--noise", fraction, "--noise-seed", 1, "--split", 0.25).task
        wrong = (task.train_labels != torch.from_numpy(shades.train_labels[:72])).double().mean()
        assert low <= wrong <= high
        assert torch.equal(task.validation[1], torch.from_numpy(shades.train_labels[72:]))
    again = [prepared_run("--noise", 0.5, "--noise-seed", seed, "--seed", 9) for seed in (1, 1, 2)]
    labels = [run.task.train_labels for run in again]
    assert torch.equal(labels[0], labels[1])
    assert not torch.equal(labels[0], labels[2])


def test_pixels_are_shuffled_in_training_only(shades, monkeypatch):
    task = prepared_run("--noise", -1, "--split", 0.25).task
    small = torch.from_numpy(shades.train_images[:72])
    moved = torch.cat(list(task.train[0].plain(20)))
    assert torch.equal(moved.flatten(1).sort(1).values, small.flatten(1).sort(1).values)
    assert not torch.equal(moved, small)
    assert torch.equal(next(task.validation[0].plain(24)), torch.from_numpy(shades.train_images[72:]))
    # Permutations too large to be kept, as those of upscaled images.
    monkeypatch.setattr(noise, "MOST_POSITIONS", 0)
    folder = trained("--noise", -1, "--upscale-padding", "--epochs", 1, "--subsample-classes", 2)
    assert float(history(folder)[1]["train_loss"]) > 0


def image_folder():
    """Four images per class of three, as ImageNet has them."""
    for part in ("train", "val"):
        for label in range(3):
            folder = Path("imagenet", part, f"n{label}")
            folder.mkdir(parents=True)
            for index in range(4):
                Image.new("RGB", (260, 230 + index), (60 * label, 9, 9)).save(folder / f"{index}.png")


def test_the_documented_example_on_an_image_folder():
    """The README's: --arch vgg19 --dataset imagenet ... --epochs 40 --lr 0.01 --batch-size 128."""
    image_folder()
    command = [PROGRAMS / "train.py", "--arch", "lenet", "--dataset", "imagenet"]
    command += ["--data-path", "imagenet", "--epochs", "2", "--lr", "0.01", "--batch-size", "128"]
    command += ["--augmentation", "--shuffle", "--split", "0.25", "--subsample-classes", "2"]
    result = run_forked_program(*command)
    assert result.returncode == 0, result.stderr
    [seed] = [line.split()[-1] for line in result.stderr.splitlines() if "drawn at random" in line]
    folder = Path("models/imagenet_2/lenet", seed)
    facts = json.loads((folder / "run.json").read_text())
    assert facts["seed"] == int(seed)
    assert facts["settings"]["augmentation"]["random_resized_crop"]
    assert (folder / "train.log").read_text().splitlines()[-1] in result.stderr
    assert [row["epoch"] for row in history(folder)] == ["0", "1", "2"]
    assert list(Path("tensorboard/imagenet_2/lenet", seed).iterdir())


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_a_run_equals_plain_training(optimiser, shades):
    folder = trained("--optimizer", optimiser, "--lr", 0.002, "--epochs", 2)
    optimisers = {
        "sgd": lambda p: torch.optim.SGD(p, 0.002, momentum=0.9, weight_decay=1e-4),
        "adam": lambda p: torch.optim.Adam(p, 0.002),
    }
    network, _ = plain_run(shades, 2, optimisers[optimiser])
    # Adam divides gradients near zero by themselves.
    assert_close(folder, network, {"sgd": 1e-5, "adam": 1e-4}[optimiser])


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


def test_evaluation_of_a_checkpoint(server, monkeypatch):
    serve("CIFAR10", server, monkeypatch, 20)
    network = build_network("lenet", 10, 3, 1.0, stream(1, "x"), "kaiming").eval()
    save_file(network.state_dict(), "weights.safetensors")
    choice = DataChoice("cifar10")
    data, _ = open_named(choice)
    mean, std = (torch.tensor(each)[:, None, None] for each in choice.statistics(None))
    with torch.no_grad():
        logits = network((torch.from_numpy(data.test_images) / 255 - mean) / std)
    labels = torch.from_numpy(data.test_labels)
    ranks = (logits > logits[torch.arange(len(labels)), labels][:, None]).sum(1)
    loss = functional.cross_entropy(logits, labels).item()
    tops = [(ranks < top).double().mean().item() for top in (1, 5)]
    options = ["--dataset", "cifar10", "--resume-from", "weights.safetensors"]
    lines = command_line_run(
        *options, "--evaluate", "--eval-regularization-loss", "--weight-decay", 0.01
    ).evaluate()
    norms = sum(p.norm().item() for name, p in network.named_parameters() if name.endswith("weight"))
    assert lines == [
        f"test: loss {loss:.4f}, top-1 {tops[0]:.2%}, top-5 {tops[1]:.2%}",
        f"regularization loss: {0.01 * norms:.6g}",
    ]
    [line] = command_line_run(*options, "--evaluate-train").evaluate()
    assert line.startswith("train: loss ")


def test_the_other_programs_read_a_run(shades):
    folder = trained("--epochs", 1)
    command = [SCRIPTS / "reinitialise_layers.py", "--run", folder, "--dataset", "shades"]
    command += ["--snapshots", folder / "snapshots/epoch=0.safetensors", "--output", "reinitialisation.csv"]
    result = run_forked_program(*command)
    assert result.returncode == 0, result.stderr
    assert len(Path("reinitialisation.csv").read_text().splitlines()) > 6


@pytest.mark.parametrize(
    "options",
    [
        ["--upscale-padding"],
        ["--unnormalize", "--subsample-classes", 2, "--shuffle"],
    ],
)
def test_resetting_starts_from_the_accuracy_of_training(options, shades):
    folder = trained("--epochs", 1, "--lr", 0.005, "--batch-size", 8, *options)
    command = [PROGRAMS / "reinit_layers.py", "--arch", "lenet", "--dataset", "shades"]
    command += [*options, "--load-from", folder / "final.safetensors", "--rand"]
    if "--shuffle" in options:
        command.remove("--shuffle")
        command += ["--class-sample-seed", 3]
    result = run_forked_program(*command)
    assert result.returncode == 0, result.stderr
    [path] = Path("results").rglob("reinit_final.json")
    assert json.loads(path.read_text())["top1_test"] == pytest.approx(
        100 * json.loads((folder / "test.json").read_text())["top1"]
    )
    run = open_run(folder, Path("shades"), RUN_SCHEMA)
    _, accuracy = evaluate(run.network(), *run.task.test, run.task.normalise, "float32", cross_entropy)
    assert accuracy == json.loads((folder / "test.json").read_text())["top1"]


def test_linear_layers_of_a_checkpoint_are_not_drawn_from_the_seed(shades):
    source = trained("--epochs", 1)
    torch.save(load_file(source / "final.safetensors"), "weights.pt")
    folder = trained("--resume-from", "weights.pt", "--epochs", 1, "--models-path", "other")
    run = open_run(folder, Path("shades"), RUN_SCHEMA)
    network, snapshots = run.network(), [run.snapshots[0]]
    assert list(weights_of_run(network, run, snapshots, 0, linear=False)) == ["0"]
    with pytest.raises(InputError, match="the run began with weights from elsewhere; leave --with-lin"):
        weights_of_run(network, run, snapshots, 0, linear=True)
    with pytest.raises(InputError, match="has not kept all weights that it began with"):
        run.initial_network()


def test_a_run_by_the_name_of_its_data_is_opened_with_the_statistics_of_the_name(server, monkeypatch):
    """The prepared data set has others; resetting from the directory is refused, with what to give."""
    serve("CIFAR10", server, monkeypatch, 20)
    write_dataset(open_named(DataChoice("cifar10"))[0], Path("prepared"), "cifar", {"source": "test"})
    folder = trained("--dataset", "cifar10", "--data-path", "prepared", "--epochs", 1)
    run = open_run(folder, Path("prepared"), RUN_SCHEMA)
    _, accuracy = evaluate(run.network(), *run.task.test, run.task.normalise, "float32", cross_entropy)
    assert accuracy == json.loads((folder / "test.json").read_text())["top1"]
    pixels = torch.zeros(1, 3, 1, 1, dtype=torch.uint8)
    named = seen(DataChoice("cifar10", Path("prepared")))
    assert torch.equal(run.task.normalise(pixels), named.normalise(pixels))
    assert not torch.equal(run.task.normalise(pixels), seen(DataChoice("prepared")).normalise(pixels))
    command = [PROGRAMS / "reinit_layers.py", "--arch", "lenet", "--dataset", "prepared"]
    command += ["--load-from", folder / "final.safetensors", "--rand"]
    result = run_forked_program(*command)
    assert result.returncode == 1
    assert "on other pixels or classes; give --dataset by its name" in result.stderr
