"""The authors' compute_projections.py, typed as in their README."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import SCRIPTS, environment
from conftest import run as run_forked_program
from safetensors.torch import save_file
from torch import nn

import anatomy
from anatomy.checkpoints.snapshots import Snapshot, save_snapshot
from anatomy.networks.build import build_network
from anatomy.networks.catalogue import names
from anatomy.networks.forward import conv_layers, layer_geometry
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import read_json
from anatomy.runtime.streams import stream
from anatomy.studies.arrangements.hp_arrangements.names import DATASETS

PROGRAM = SCRIPTS / "hp_arrangements" / "compute_projections.py"


def run(folder, options):
    """Run the program in a folder with options as one types them."""
    return run_forked_program(PROGRAM, *options.split(), folder=folder, ANATOMY_DATA=str(folder))


def measured(folder, options):
    """Run the program; return the JSON that it names, with its path relative to the folder."""
    result = run(folder, options)
    assert result.returncode == 0, result.stderr
    (line,) = result.stdout.splitlines()
    return json.loads((folder / line).read_text()), line, result.stderr


def network(architecture="lenet", classes=10, channels=1, seed=0, width=1.0):
    return build_network(architecture, classes, channels, width, stream(seed, "x"), "kaiming")


def save(net, path, **content):
    content = {"model_state_dict": net.state_dict(), **content} if content else net.state_dict()
    torch.save(content, path)
    return path


@pytest.mark.parametrize("options", ["", "--dataset imagenet", "--arch vgg19"])
def test_without_network_or_data_set_the_choices_are_listed(options, tmp_path):
    result = run(tmp_path, options)
    assert result.returncode == 0
    assert all(name in result.stdout for name in (*names(), *DATASETS, "timm/<name>"))
    assert not list(tmp_path.iterdir())


def test_a_snapshot_of_the_authors_layout(tmp_path):
    net = network("vgg11", 10, 3, width=0.125)
    save(net, tmp_path / "vgg11_4.tar", epoch=4, optimizer_state_dict={"state": {}}, top1_acc=50.0)
    options = (
        "--arch vgg11 --dataset cifar10 --cuda --normalize --load-from vgg11_4.tar --seed 7 --width 0.125"
    )
    content, path, _ = measured(tmp_path, options)
    assert path == "results/cifar10/vgg11/7/vgg11_4.json"
    assert [content[key] for key in ("arch", "dataset", "epoch", "seed")] == ["vgg11", "cifar10", "5", "7"]
    blocks = [
        content[str(stage)][str(block)] for stage, n in enumerate([1, 1, 2, 2, 2]) for block in range(n)
    ]
    for block, layer in zip(blocks, conv_layers(net).values(), strict=True):
        sums = layer.weight.detach().double().sum((1, 2, 3))
        norms = layer.weight.detach().double().square().sum((1, 2, 3)).sqrt() * layer.weight[0].numel() ** 0.5
        np.testing.assert_allclose(block["projections"], (sums / norms).numpy(), atol=1e-7)
        assert block["mass"] == (sums <= 0).double().mean().item()
        assert block["mean"] == pytest.approx((sums / norms).mean().item(), abs=1e-7)
        assert set(block) == {"projections", "mass", "mean"}
    assert content["net"]["projections"] == [value for block in blocks for value in block["projections"]]
    assert content["layers"][1]["input_shape"] == [8, 16, 16]
    (log,) = (tmp_path / "log/cifar10/vgg11/7").iterdir()
    assert log.name.endswith("_positive_orthant.log") and path in log.read_text()


def test_without_normalize_projections_are_sums(tmp_path):
    net = network()
    save(net, tmp_path / "lenet_3.pt")
    content, path, _ = measured(tmp_path, "--arch lenet --dataset mnist --load-from lenet_3.pt --results out")
    assert path == "out/mnist/lenet/lenet_3.json"
    sums = net.features[0].weight.detach().double().sum((1, 2, 3))
    np.testing.assert_allclose(content["0"]["0"]["projections"], sums, atol=1e-6)
    assert content["0"]["0"]["mass"] == (sums <= 0).double().mean().item()
    # The last file of a training of three epochs.
    assert content["epoch"] == "3"
    assert "seed" not in content


def test_linear_layers_and_distances_from_initialisation(tmp_path):
    start, end = network("vgg11", 20, 3, 0, 0.0625), network("vgg11", 20, 3, 1, 0.0625)
    save(start, tmp_path / "vgg11_init_0.pt")
    save_file({f"module.{k}": v for k, v in end.state_dict().items()}, tmp_path / "end.safetensors")
    options = (
        "--arch vgg11 --dataset cifar100 --subsample-classes 20 --normalize --with-linear --width 0.0625"
    )
    options += " --load-from end.safetensors --init-from vgg11_init_0.pt"
    content, path, _ = measured(tmp_path, options)
    assert path == "results/cifar100_20/vgg11/end.json"
    assert content["epoch"] is None
    assert [len(content["5"][str(block)]["projections"]) for block in range(3)] == [256, 256, 20]
    layer = content["4"]["1"]
    w0, w1 = (net.features[18].weight.detach().double() for net in (start, end))
    assert layer["l2_dist"] == pytest.approx((torch.linalg.norm(w1 - w0) / torch.linalg.norm(w0)).item())
    assert layer["l_inf_dist"] == pytest.approx(((w1 - w0).abs().max() / w0.abs().max()).item())


def test_a_random_initialisation_says_that_it_is_one(tmp_path):
    content, path, message = measured(tmp_path, "--arch alexnet --dataset imagenet --cuda --normalize")
    assert path == "results/imagenet/alexnet/init_alexnet.json"
    assert "no --load-from: measuring a random initialisation, seed 0" in message
    assert content["epoch"] == "0"
    assert [layer["filters"] for layer in content["layers"]] == [64, 192, 384, 256, 256]
    assert 0.4 < content["net"]["mass"] < 0.6


def test_released_weights_that_lie_in_a_directory(tmp_path):
    """torchvision's file is looked for under its official name; here one of the same shapes."""
    result = run(tmp_path, "--arch lenet --dataset imagenet --pretrained")
    assert result.returncode == 1 and "torchvision has no weights of lenet" in result.stderr
    result = run(tmp_path, "--arch alexnet --dataset cifar10 --pretrained")
    assert result.returncode == 1 and "released weights tell 1000 classes apart, not 10" in result.stderr


def test_several_snapshots_and_other_networks(tmp_path):
    for epoch in (0, 1):
        save(network("resnet18", 10, 3, epoch, 0.125), tmp_path / f"resnet18_{epoch}.tar", epoch=epoch)
    files = "resnet18_0.tar resnet18_1.tar"
    result = run(tmp_path, f"--arch resnet18 --dataset cifar10 --normalize --width 0.125 --load-from {files}")
    assert result.returncode == 0, result.stderr
    paths = result.stdout.split()
    assert paths == [f"results/cifar10/resnet18/resnet18_{epoch}.json" for epoch in (0, 1)]
    layers = read_json(tmp_path / paths[1])["layers"]
    assert len(layers) == 20 and layers[-1]["name"] == "layer4.1.conv2"


def test_results_of_one_name_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        save(network(), tmp_path / folder / "lenet_3.tar", epoch=3)
    save(network(), tmp_path / "a" / "lenet_3.pt")
    for other in ("a/lenet_3.pt", "b/lenet_3.tar"):
        result = run(tmp_path, f"--arch lenet --dataset mnist --load-from a/lenet_3.tar {other}")
        assert result.returncode == 1
        assert (
            f"a/lenet_3.tar and {other} would both be written to results/mnist/lenet/lenet_3.json"
            in result.stderr
        )
    assert not (tmp_path / "results").exists()
    result = run(tmp_path, "--arch lenet --dataset mnist --load-from a/lenet_3.tar a/../a/lenet_3.tar")
    assert result.returncode == 0, result.stderr


@pytest.fixture
def snapshots(tmp_path):
    """Snapshots of LeNet at 56 px, of its convolutions and whole, and the network."""
    net = network("lenet")
    whole = {name: value.numpy() for name, value in net.state_dict().items()}
    arrays = {name: value for name, value in whole.items() if name.startswith("features")}
    layers = layer_geometry(net, (1, 56, 56))
    origin = {"architecture": "lenet", "dataset": "d", "experiment": "x", "seed": 3, "epoch": 12}
    save_snapshot(tmp_path / "snapshot.safetensors", Snapshot(arrays, layers, origin))
    save_snapshot(tmp_path / "whole.safetensors", Snapshot(whole, layers, origin))
    return net


def test_a_snapshot_of_the_pipeline_knows_its_epoch_and_input_shapes(snapshots, tmp_path):
    content, _, _ = measured(tmp_path, "--arch lenet --dataset mnist --load-from snapshot.safetensors")
    assert content["epoch"] == "12"
    assert content["layers"][2]["input_shape"] == [6, 28, 28]
    weight = snapshots.features[5].weight.detach().double()
    cosines = weight.sum((1, 2, 3)) / weight.square().sum((1, 2, 3)).sqrt() / (6 * 28 * 28) ** 0.5
    np.testing.assert_allclose(content["layers"][2]["cosines"], cosines, atol=1e-7)


def test_linear_layers_of_a_snapshot_are_measured_or_refused(snapshots, tmp_path):
    options = "--arch lenet --dataset mnist --with-linear --load-from"
    result = run(tmp_path, f"{options} whole.safetensors snapshot.safetensors")
    assert result.returncode == 1 and not (tmp_path / "results").exists()
    assert "snapshot.safetensors holds convolutions only; take a file that has the" in result.stderr
    assert "or leave --with-linear out; `snapshots: {weights: all}` keeps them in every" in result.stderr
    content, _, _ = measured(tmp_path, f"{options} whole.safetensors")
    assert [layer["name"] for layer in content["layers"][6:]] == [f"classifier.{n}" for n in (0, 3, 6)]
    assert [layer["input_shape"] for layer in content["layers"][5:]] == [[64, 14, 14], [576], [120], [84]]
    table = anatomy.projections(tmp_path / "whole.safetensors", with_linear=True)
    assert table["name"].unique().tolist() == [layer["name"] for layer in content["layers"]]
    cosines = [cosine for layer in content["layers"] for cosine in layer["cosines"]]
    np.testing.assert_allclose(table["cosine"], cosines, atol=1e-7)
    with pytest.raises(InputError, match="holds convolutions only"):
        anatomy.projections(tmp_path / "snapshot.safetensors", with_linear=True)


def test_an_mlps_snapshot_without_weights_is_refused(tmp_path):
    origin = {"architecture": "mlp", "dataset": "d", "experiment": "x", "seed": 3, "epoch": 12}
    save_snapshot(tmp_path / "mlp.safetensors", Snapshot({}, [], origin))
    for architecture in ("mlp", None):
        with pytest.raises(InputError, match=r"convolutions only; take .* final\.safetensors"):
            anatomy.projections(tmp_path / "mlp.safetensors", architecture=architecture, with_linear=True)


def test_more_files_than_a_process_may_open(snapshots, tmp_path):
    """Each file is let go before the next is read."""
    files = [tmp_path / f"{index}.safetensors" for index in range(40)]
    for file in files:
        file.hardlink_to(tmp_path / "snapshot.safetensors")
    program = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30)); "
    program += f"sys.argv[0] = {str(PROGRAM)!r}; "
    program += "runpy.run_path(sys.argv[0], run_name='__main__')"
    options = ["--arch", "lenet", "--dataset", "mnist", "--load-from", *map(str, files)]
    command = [sys.executable, "-c", program, *options]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment())
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.split()) == 40


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--arch vgg19 --dataset cifar10 --load-from gone.tar", "checkpoint gone.tar does not exist"),
        ("--arch vgg91 --dataset cifar10", "'vgg91' is not an architecture, did you mean vgg19 or"),
        ("--arch vgg19 --dataset cifar", "'cifar' is not a data set; allowed: cifar10, cifar100"),
        (
            "--arch vgg11 --dataset mnist --load-from x.pt",
            "convolution 1, features.0, has shape (6, 1, 3, 3)",
        ),
        ("--arch lenet --dataset cifar10 --load-from x.pt", "expected (6, 3, 3, 3)"),
        ("--arch lenet --dataset mnist --load-from x.pt --subsample-classes 5", "tells 10 classes apart"),
        ("--arch lenet --dataset mnist --load-from x.pt --init-from gone.pt", "gone.pt does not exist"),
        (
            "--arch lenet --dataset mnist --load-from whole.pt",
            "asks for anatomy.networks.sequential.SequentialNetwork",
        ),
        ("--arch mlp --dataset mnist", "an initialisation of mlp has no convolutions; linear layers are"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(options, message, tmp_path):
    save(network(), tmp_path / "x.pt")
    torch.save(network(), tmp_path / "whole.pt")
    result = run(tmp_path, options)
    assert result.returncode == 1
    assert message in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "results").exists()


def test_nan_weights_never_reach_the_json(tmp_path):
    net = network()
    with torch.no_grad():
        net.features[2].weight[3, 1] = torch.nan
        net.features[2].weight[4] = 0
    save(net, tmp_path / "lenet_0.tar", epoch=0)
    content, _, message = measured(tmp_path, "--arch lenet --dataset mnist --load-from lenet_0.tar")
    assert "layer 2 (features.2) has NaN or infinite weights in 1 of 6 filters (index 3)" in message
    assert (content["layers"][1]["not_finite"], content["layers"][1]["undefined"]) == (1, 1)
    assert content["0"]["1"]["projections"][3] is None


def test_the_program_starts_without_torch_or_numpy():
    program = (
        "import sys; sys.argv = ['x', '--help']; import runpy\ntry: runpy.run_path({!r}, run_name='__main__')"
    )
    program = program.format(str(PROGRAM))
    program += "\nexcept SystemExit: sys.exit(any(m in sys.modules for m in ('torch', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", program], env=environment()).returncode == 0


def test_measuring_the_papers_networks_imports_no_torch(tmp_path):
    save(network(), tmp_path / "lenet_0.tar", epoch=0)
    (tmp_path / "torch.py").write_text("raise ImportError('torch is not needed')")
    command = [sys.executable, str(PROGRAM)]
    options = "--arch lenet --dataset mnist --load-from lenet_0.tar --init-from lenet_0.tar"
    path = {**environment(), "PYTHONPATH": f"{tmp_path}:{environment()['PYTHONPATH']}"}
    command += options.split()
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=path)
    assert result.returncode == 0, result.stderr


def test_an_mlp_has_linear_layers_alone(tmp_path):
    content, _, _ = measured(
        tmp_path, "--arch mlp_bn --dataset cifar10 --with-linear --normalize --width 0.03"
    )
    assert len(content["0"]) == len(
        [m for m in network("mlp_bn", 10, 3).modules() if isinstance(m, nn.Linear)]
    )
