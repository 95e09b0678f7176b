"""Snapshots are told from other files with weights, and from those of earlier versions."""

import numpy as np
import pytest

from anatomy.checkpoints.safetensors_files import ArraysInFileOrder
from anatomy.checkpoints.snapshots import is_snapshot, load_snapshot
from anatomy.checkpoints.torch_files import read_checkpoint
from anatomy.runtime.errors import InputError


def test_a_snapshot_of_an_earlier_version_is_refused_in_one_line(tmp_path):
    path = tmp_path / "epoch=3.safetensors"
    arrays = {"features.0.weight": np.ones((2, 3, 3, 3), np.float32)}
    ArraysInFileOrder.of(arrays).write(path, {"hyperplanes": "{}"})
    expected = (
        f"{path} has `hyperplanes` metadata, of an earlier version of this project; train the network again"
    )
    for read in (load_snapshot, lambda path: is_snapshot(path, read_checkpoint(path).entries)):
        with pytest.raises(InputError) as caught:
            read(path)
        assert str(caught.value) == expected


def test_a_file_without_our_metadata_is_no_snapshot(tmp_path):
    path = tmp_path / "x.safetensors"
    ArraysInFileOrder.of({"a": np.ones(3)}).write(path, {"format": "pt"})
    assert not is_snapshot(path, read_checkpoint(path).entries)
    with pytest.raises(
        InputError, match=r"has no `anatomy` metadata; expected a snapshot of train_network.py"
    ):
        load_snapshot(path)
