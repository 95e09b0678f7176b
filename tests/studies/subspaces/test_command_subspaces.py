"""The command for the line between two runs or checkpoints."""

import pandas as pd
import pytest
import torch
from conftest import ROOT
from safetensors.torch import load_file
from studies.subspaces.subspace_runs import finished_run, opened

from anatomy.__main__ import main
from anatomy.networks.batch_norm import recalibrate
from anatomy.studies.subspaces.predicting import predict_test

SCHEMA = str(ROOT / "workflow/schemas/config.schema.yaml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Runs of two seeds."""
    folder = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        finished_run(folder, seed)
    return folder


def command(action, first, second, folder, *options):
    given = [action, first, second, "--dataset", folder / "dataset", "--schema", SCHEMA, *options]
    with pytest.raises(SystemExit) as ended:
        main(["subspaces", *map(str, given)])
    return ended.value.code


def recalibrated(run):
    task, network = opened(run).task, opened(run).network()
    recalibrate(network, map(task.normalise, task.train[0].plain(32)))
    return task, network


def test_the_line_between_two_seeds(folder, tmp_path, capsys):
    runs = [folder / f"seed={seed}" for seed in (0, 1)]
    assert command("sweep", *runs, folder, "--points", 3, "--output", tmp_path / "table.csv") == 0
    assert capsys.readouterr().out.split()[:2] == ["alpha", "accuracy"]
    table = pd.read_csv(tmp_path / "table.csv")
    single = table[table["members"] == 1].set_index("alpha")["accuracy"]
    assert sorted(single.index) == [0, 0.5, 1]
    # Ends are the networks of the runs, with statistics of plain images.
    for alpha, run in zip((0, 1), runs, strict=True):
        task, network = recalibrated(run)
        accuracy = (predict_test(network, task).logits.argmax(1) == task.test[1].numpy()).mean()
        assert single[alpha] == pytest.approx(accuracy)


def test_checkpoints_are_as_good_as_runs(folder, tmp_path, capsys):
    """One of torch.save and one of safetensors, and a run beside them."""
    torch.save(opened(folder / "seed=0").network().state_dict(), tmp_path / "first.pt")
    second = folder / "seed=1/final.safetensors"
    network = "--architecture", "cifar_resnet_8", "--width", 0.5
    tables = []
    for one, other, options in (
        (tmp_path / "first.pt", second, network),
        (folder / "seed=0", second, ()),
        (folder / "seed=0", folder / "seed=1", ()),
    ):
        output = "--output", tmp_path / "table.csv"
        assert command("evaluate", one, other, folder, "--at", 0.25, *options, *output) == 0
        tables.append(pd.read_csv(tmp_path / "table.csv"))
    assert tables[0]["alpha"].tolist() == [0.25]
    for table in tables[1:]:
        # Statistics of batch normalisation depend a little on the size of batches, which runs know.
        assert table["loss"].tolist() == pytest.approx(tables[0]["loss"].tolist(), rel=2e-3)


def test_a_point_is_exported_as_a_plain_network(folder, tmp_path):
    runs = [folder / f"seed={seed}" for seed in (0, 1)]
    path = tmp_path / "network.safetensors"
    assert command("recalibrate", *runs, folder, "--at", 1, "--output", path) == 0
    task, network = recalibrated(runs[1])
    found = opened(runs[0]).network()
    found.load_state_dict(load_file(path))
    images = task.normalise(task.test[0].pixels)
    torch.testing.assert_close(found(images), network.eval()(images), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("action", "options", "message"),
    [
        ("sweep", ("--at", 0.5), "sweep takes no --at"),
        ("evaluate", (), "evaluate needs --at, e.g. --at 0.5"),
        ("evaluate", ("--at", 1.5), "1.5 is no point of a line; expected a number from 0 to 1"),
        ("recalibrate", ("--at", 0.5), "give one number to --at, and --output"),
        ("sweep", ("--points", 4), "'4'; expected an odd number from 3 to 10001"),
        ("sweep", ("--points", 1), "'1'; expected an odd number from 3 to 10001"),
    ],
)
def test_mistakes_are_refused(action, options, message, folder, capsys):
    runs = [folder / f"seed={seed}" for seed in (0, 1)]
    assert command(action, *runs, folder, *options) == 2
    assert message in capsys.readouterr().err


def test_files_of_another_network_are_refused(folder, tmp_path, capsys):
    final = folder / "seed=1/final.safetensors"
    assert command("sweep", final, final, folder) == 2
    assert "say of which network with --architecture" in capsys.readouterr().err
    assert command("sweep", final, final, folder, "--architecture", "cifar_resnet_20") == 2
    assert "is not of cifar_resnet_20" in capsys.readouterr().err


def test_weights_and_outputs_that_are_no_numbers_are_refused(folder, tmp_path, capsys):
    own = opened(folder / "seed=0").network().state_dict()
    last = [name for name in own if name.endswith("weight")][-1]
    for name, value in (("nan.pt", float("nan")), ("large.pt", 3e38)):
        torch.save({**own, last: torch.full_like(own[last], value)}, tmp_path / name)
    given = "--at", 0, 1, "--architecture", "cifar_resnet_8", "--width", 0.5
    torch.save(own, tmp_path / "ok.pt")
    assert command("evaluate", tmp_path / "nan.pt", tmp_path / "ok.pt", folder, *given) == 2
    assert f"error: {tmp_path / 'nan.pt'}: {last} is not finite" in capsys.readouterr().err
    assert command("evaluate", tmp_path / "ok.pt", tmp_path / "large.pt", folder, *given) == 2
    assert "error: point of alpha 1: outputs for 40 of 40 images are" in capsys.readouterr().err
