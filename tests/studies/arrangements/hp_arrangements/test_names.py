"""What names of files say of epochs, and folders of networks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from anatomy.runtime.files import write_json
from anatomy.runtime.run_files import signed
from anatomy.studies.arrangements.hp_arrangements.checkpoint import read_start
from anatomy.studies.arrangements.hp_arrangements.names import epoch_of, file_name


@pytest.mark.parametrize(
    ("name", "epoch", "done"),
    [
        ("vgg19_0.tar", 1, 0),
        ("vgg19_9.tar", 10, 0),
        ("vgg19_100.pt", 100, 100),
        ("vgg19_100.pth", 100, 0),
        ("vgg19_init_0.pt", 0, 0),
        ("vgg19_pretrained_0.pt", -1, 0),
        ("pretrained_alexnet", -1, 0),
        ("final.pt", None, 0),
    ],
)
def test_epochs_in_names_of_files(name, epoch, done, tmp_path):
    """`done` are those after which a training goes on from weights alone."""
    assert epoch_of(Path(name)) == epoch
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / name)
    assert read_start(tmp_path / name).epoch == done


def test_the_final_network_of_a_run_says_after_how_many_epochs(tmp_path):
    """As `run.json` beside it has it; alone it says nothing."""
    final = tmp_path / "final.safetensors"
    save_file({"weight": np.zeros((2, 2), np.float32)}, final)
    assert epoch_of(final) is None
    write_json(tmp_path / "run.json", signed({"fingerprint": "f", "sha256": {}, "settings": {"epochs": 14}}))
    assert epoch_of(final) == 14


def test_networks_of_timm_have_no_slash_in_paths():
    assert file_name("timm/resnet10t") == "timm_resnet10t"
