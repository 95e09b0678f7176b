"""What reads the files of runs of any kind: a subspace, a network without convolutions."""

import pytest
from conftest import make_dataset, task_of

import anatomy
from anatomy.runtime.errors import InputError
from anatomy.studies.arrangements.projections import snapshot_statistics
from anatomy.training.loop import train_run
from anatomy.training.run import begin_run

DESCRIPTION = {"name": "shades", "mean": [0.4] * 3, "std": [0.2] * 3}
ORIGIN = {"architecture": "cifar_resnet_8"}


@pytest.mark.parametrize("file", ["final.safetensors", "snapshots/epoch=1.safetensors"])
def test_layers_of_a_subspace_are_those_of_its_network(tmp_path, file):
    changes = {"architecture": "cifar_resnet_8", "width": 0.5, "epochs": 1, "subspace": {"kind": "line"}}
    run = begin_run(task_of(make_dataset(size=8), DESCRIPTION, **changes))
    train_run(run, tmp_path, ORIGIN, {})
    found = anatomy.projections(tmp_path / file)
    assert {*found["name"]} == {layer.name for layer in run.geometry}
    assert found["layer"].nunique() == len(run.geometry) == 10
    assert len(found) == sum(len(run.network.get_submodule(layer.name).weight) for layer in run.geometry)


def test_a_snapshot_without_convolutions_is_refused_by_name(tmp_path):
    run = begin_run(task_of(make_dataset(size=4), DESCRIPTION, architecture="fnn", width=1.0))
    run.advance()
    with pytest.raises(InputError, match=r"^fnn has no convolutions, .*; remove `arrangements` from"):
        snapshot_statistics(run.snapshot({"architecture": "fnn"}))
