"""The authors' reinit_layers.py: reinitialisation of any checkpoint."""

import json
import logging

import pytest
import torch
from command_line_runs import seen
from conftest import RUN_SCHEMA, SCHEMA_FILE, SCRIPTS, make_dataset
from conftest import run as run_forked_program
from safetensors.torch import save_file

from anatomy.checkpoints.snapshots import LayerGeometry, Snapshot, save_snapshot
from anatomy.data.dataset import write_dataset
from anatomy.networks.build import build_network
from anatomy.networks.forward import conv_layers
from anatomy.runtime.errors import InputError
from anatomy.runtime.schema import read_schema
from anatomy.runtime.settings import Settings
from anatomy.runtime.streams import stream
from anatomy.studies.arrangements.hp_arrangements.data import DataChoice
from anatomy.studies.arrangements.hp_arrangements.names import choices
from anatomy.studies.arrangements.hp_arrangements.reinit_layers import (
    check_run,
    listed_paths,
    load_network,
    percent,
    published_json,
    resets_of,
)
from anatomy.studies.arrangements.reinitialisation.weights import linear_layers

CPU = torch.device("cpu")
WIDTH = 0.125


def network(architecture="lenet", classes=10, channels=1, seed=0):
    net = build_network(architecture, classes, channels, WIDTH, stream(seed, "x"), "kaiming")
    with torch.no_grad():
        for layer in conv_layers(net).values():
            layer.bias.normal_(0, 0.3, generator=stream(seed, "bias"))
    return net.eval()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Checkpoints as the authors have them, and a prepared data set in the place of MNIST."""
    folder = tmp_path_factory.mktemp("published")
    data = make_dataset(test=60, channels=1, size=28, classes=10)
    write_dataset(data, folder / "data", "shades", {"source": "test"})
    trained = network().state_dict()
    torch.save(
        {"epoch": 9, "model_state_dict": trained, "optimizer_state_dict": {"state": {}}},
        folder / "lenet_9.tar",
    )
    torch.save(network(seed=1).state_dict(), folder / "lenet_init_0.pt")
    save_file(network(seed=2).state_dict(), folder / "later.safetensors")
    (folder / "inits.txt").write_text(
        f"{folder}/later.safetensors\n\n{folder}/lenet_init_0.pt\n{folder}/gone.pt\n"
    )
    return folder


def run(folder, *options):
    return run_forked_program(SCRIPTS / "hp_arrangements" / "reinit_layers.py", *options, folder=folder)


def test_program_writes_the_authors_files(files, tmp_path):
    options = ("--arch", "lenet", "--width", WIDTH, "--dataset", "mnist", "--data-path", files / "data")
    options += ("--load-from", files / "lenet_9.tar", "--inits-from", files / "inits.txt", "--rand", 2)
    result = run(tmp_path, *options, "--seed", 3)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("line 2 is empty") == 1
    assert "gone.pt does not exist" in (tmp_path / "reinit_weights.log").read_text()
    content = json.loads((tmp_path / "results/mnist/lenet/3/reinit_lenet_9.json").read_text())
    assert list(content["init_from_epoch"]) == ["later", "0", "rand", "rand-2"]
    assert (content["arch"], content["dataset"]) == ("lenet", "mnist")
    assert (content["epoch"], content["seed"]) == ("10", "3")
    assert (tmp_path / "plots/mnist/lenet/3/reinit_lenet_9.pdf").read_bytes().startswith(b"%PDF")
    # Nothing else, and a run of another seed has its own directory.
    assert len([path for path in (tmp_path / "results").rglob("*") if path.is_file()]) == 1

    data = make_dataset(test=60, channels=1, size=28, classes=10)
    images = (torch.from_numpy(data.test_images) / 255 - 0.1307) / 0.3015
    labels = torch.from_numpy(data.test_labels)

    def percentages(net):
        with torch.inference_mode():
            ranks = net(images).argsort(1, descending=True)
        return [100 * (ranks[:, :k] == labels[:, None]).any(1).float().mean().item() for k in (1, 5)]

    found = [content["top1_test"], content["top5_test"]]
    assert found == pytest.approx(percentages(network()), abs=1e-4)
    other = network(seed=1).state_dict()
    for index, name in enumerate(conv_layers(network())):
        net = network()
        parts = {f"{name}.{part}": other[f"{name}.{part}"] for part in ("weight", "bias")}
        net.load_state_dict(net.state_dict() | parts)
        accuracy = content["init_from_epoch"]["0"][index]
        assert accuracy == pytest.approx(percentages(net)[0], abs=1e-4)


def test_program_lists_its_choices(tmp_path):
    result = run(tmp_path, "--arch", "vgg19")
    assert result.returncode == 0
    assert result.stdout == choices() + "\n"
    assert not list(tmp_path.iterdir())


def options(files, **changes):
    """Options of the program, as it parses them."""
    given = {
        "arch": "lenet",
        "width": WIDTH,
        "load_from": files / "lenet_9.tar",
        "rand": 0,
        "seed": None,
        "inits_from": None,
        "with_linear": False,
    }
    return type("Options", (), {**given, **changes})


def task(files, **settings):
    """What the networks of `files` see, or others by their settings."""
    return seen(DataChoice("mnist", files / "data"), **{"architecture": "lenet", "width": WIDTH, **settings})


def loaded(files, **settings):
    """The network of a file of `files`."""
    return load_network(files / "lenet_9.tar", task(files, **settings), "mnist")


def test_bad_checkpoints_are_refused(files, tmp_path):
    with pytest.raises(InputError, match="tells 10 classes apart, but mnist has 4; give"):
        loaded(files, class_subset={"count": 4})
    with pytest.raises(InputError, match=r"lenet_9.tar: layer features.0 has shape 1x1x3x3, the network's"):
        loaded(files, width=1.0)
    with pytest.raises(InputError, match=r"has no layer features.3; the network has"):
        loaded(files, architecture="vgg11", width=1 / 64)
    net, data = loaded(files), task(files)
    for name, key in (("a_1.pt", "features.2.weight"), ("b_1.pt", "features.2.bias")):
        weights = network(seed=1).state_dict()
        weights[key].view(-1)[0] = torch.nan
        torch.save(weights, tmp_path / name)
    with pytest.raises(InputError, match=r"a_1.pt: layer features.2 has NaN or infinite weights in filter 0"):
        resets_of(options(files), [tmp_path / "a_1.pt"], net, data)
    with pytest.raises(InputError, match=r"a_1.pt and .*b_1.pt are both of epoch 1"):
        resets_of(options(files), [tmp_path / "a_1.pt", tmp_path / "b_1.pt"], net, data)
    with pytest.raises(InputError, match="nothing to reset to; give --inits-from"):
        resets_of(options(files), [], net, data)


@pytest.mark.parametrize("name", ["rand", "random", "rand-2", "random-2"])
def test_names_of_the_draws_are_refused(name, files, tmp_path):
    net, data = loaded(files), task(files)
    torch.save(net.state_dict(), tmp_path / f"{name}.pt")
    with pytest.raises(InputError, match=f"{name}.pt would be called {name}, as the draws of --rand are"):
        resets_of(options(files), [tmp_path / f"{name}.pt"], net, data)


def test_only_draws_are_renamed(files):
    row = {"images": 60, "accuracy": 0.5, "trained_accuracy": 0.5}
    rows = [{**row, "reset_to": name} for name in ("my_random", "random", "random-2")]
    content = published_json(rows, 60, options(files, rand=2), "mnist")
    assert list(content["init_from_epoch"]) == ["my_random", "rand", "rand-2"]


@pytest.mark.parametrize(("right", "of", "shown"), [(714, 1000, 71.4), (1, 3, 33.3333333333), (7, 7, 100)])
def test_percentages_have_no_digits_of_rounding(right, of, shown):
    assert percent(right / of) == shown


def snapshot(net, path, epoch):
    """Write the convolutions of a network as the pipeline does."""
    arrays = {f"{name}.weight": layer.weight.detach().numpy() for name, layer in conv_layers(net).items()}
    arrays |= {f"{name}.bias": layer.bias.detach().numpy() for name, layer in conv_layers(net).items()}
    layers = [LayerGeometry(i, name, 0, i, (1, 9, 9)) for i, name in enumerate(conv_layers(net), 1)]
    origin = {"architecture": "x", "dataset": "d", "experiment": "x", "seed": 3, "epoch": epoch}
    save_snapshot(path, Snapshot(arrays, layers, origin))
    return path


def test_linear_layers_that_a_file_lacks_are_named(files, tmp_path, caplog):
    given = options(files, with_linear=True)
    net, data = loaded(files), task(files)
    path = snapshot(network(seed=1), tmp_path / "epoch=4.safetensors", 4)
    with caplog.at_level(logging.WARNING):
        resets = resets_of(given, [path, files / "lenet_init_0.pt"], net, data)
    names = ", ".join(linear_layers(net))
    assert names.startswith("classifier.")
    assert caplog.messages == [f"{path} has no weights of {names}, which it does not reset"]
    assert list(resets["4"]) == list(conv_layers(net))


def test_resets_without_a_layer_are_refused_before_any_evaluation(files, tmp_path):
    net = build_network("mlp", 10, 1, WIDTH, stream(0, "x"), "published", size=(28, 28))
    save_file(net.state_dict(), tmp_path / "mlp.safetensors")
    snapshot(net, tmp_path / "epoch=4.safetensors", 4)
    (tmp_path / "inits.txt").write_text("epoch=4.safetensors")
    result = run(
        tmp_path,
        *("--arch", "mlp", "--width", WIDTH, "--dataset", "mnist", "--data-path", files / "data"),
        *("--load-from", "mlp.safetensors", "--inits-from", "inits.txt", "--with-linear"),
    )
    assert result.returncode == 1
    assert "error: no file of --inits-from inits.txt has a layer of the network" in result.stderr
    assert "on 60 test images" not in result.stderr
    assert not (tmp_path / "results").exists()


def test_lists_without_a_file_are_refused(tmp_path, caplog):
    path = tmp_path / "inits.txt"
    with pytest.raises(InputError, match=r"inits.txt does not exist; expected a text file"):
        listed_paths(path)
    path.write_bytes(b"\xff\xfe.pt\n")
    with pytest.raises(InputError, match=r"inits.txt is no UTF-8; expected a text file"):
        listed_paths(path)
    path.write_text("\n\ngone.pt\n")
    with caplog.at_level(logging.WARNING), pytest.raises(InputError, match="lists no file that exists"):
        listed_paths(path)
    assert caplog.messages[2].endswith("line 3: gone.pt does not exist; skipped")


def test_a_missing_trained_network_is_an_error(files):
    result = run(files, "--arch", "lenet", "--dataset", files / "data", "--load-from", "no.pt")
    assert result.returncode == 1
    assert result.stderr == "error: --load-from no.pt does not exist; give the trained network\n"


SCHEMA = read_schema(SCHEMA_FILE)


def checked(file, choice, settings):
    """Hold a run.json beside `file` against what options say."""
    given = type("Options", (), {"load_from": file})
    check_run(given, choice, Settings(settings, RUN_SCHEMA), SCHEMA)


@pytest.mark.parametrize("file", ["final.safetensors", "snapshots/epoch=3.safetensors"])
@pytest.mark.parametrize(
    ("trained", "given", "needed"),
    [
        ({}, {}, None),
        ({"pixels": "unit", "upscaling": "padded"}, {}, "--unnormalize, --upscale-padding"),
        ({"pixels": "symmetric"}, {}, "reinitialise_layers.py --run, for pixels from -1 to 1"),
        ({}, {"upscaling": "plain"}, "no --upscale or --upscale-padding"),
        ({"class_subset": {"count": 3, "seed": 0}}, {}, "--subsample-classes 3, --class-sample-seed 0"),
        (
            {"class_subset": {"count": 3}},
            {"class_subset": {"count": 3, "seed": 1}},
            "no --class-sample-seed",
        ),
    ],
)
def test_a_run_is_measured_on_what_it_was_trained_on(file, trained, given, needed, tmp_path):
    content = {"settings": trained, "statistics": [[0.5] * 3, [0.2] * 3]}
    (tmp_path / "run.json").write_text(json.dumps(content))
    if needed is None:
        checked(tmp_path / file, DataChoice("cifar10"), given)
    else:
        with pytest.raises(InputError, match=f"run.json: .* other pixels or classes; give {needed}$"):
            checked(tmp_path / file, DataChoice("cifar10"), given)


def test_a_run_is_measured_with_the_statistics_that_it_saw(tmp_path):
    """Those of its data, or those of a name."""
    file, named = tmp_path / "final.safetensors", DataChoice("cifar10", tmp_path / "data")
    prepared = DataChoice("results/datasets/cifar10")
    (tmp_path / "run.json").write_text(json.dumps({"settings": {}}))
    checked(file, prepared, {})
    with pytest.raises(InputError, match=r"give the prepared directory as --dataset$"):
        checked(file, named, {})
    (tmp_path / "run.json").write_text(json.dumps({"settings": {}, "statistics": [[0.5] * 3, [0.2] * 3]}))
    checked(file, named, {})
    with pytest.raises(InputError, match=r"give --dataset by its name$"):
        checked(file, prepared, {})
    # Pixels in [0, 1] are not normalised with any statistics.
    (tmp_path / "run.json").write_text(json.dumps({"settings": {"pixels": "unit"}}))
    checked(file, named, {"pixels": "unit"})


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"settings": null}',
        '{"settings": {"pixels": "grey"}}',
        '{"settings": {"pixels": ["unit"]}}',
        '{"settings": {"pixels": "unit", "upscaling": "x2"}}',
    ],
)
def test_a_run_json_of_another_program_says_nothing(content, tmp_path):
    (tmp_path / "run.json").write_text(content)
    checked(tmp_path / "net.pt", DataChoice("cifar10"), {})
