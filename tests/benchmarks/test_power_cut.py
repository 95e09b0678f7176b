"""What programs have published is whole after a power cut right after they have ended."""

import shutil
import signal
import subprocess
import sys

import pytest
from conftest import environment
from training_program import outputs, start, train

import power_cut

pytestmark = pytest.mark.skipif(not power_cut.can_mount(), reason="needs root, mkfs.ext4 and loop devices")

# Writes files in all ways that programs have, in directories that are new.
WRITE = """
import sys
from pathlib import Path
from anatomy.runtime.files import write_csv, write_json, write_text

folder = Path(sys.argv[1])
for number in range(20):
    write_text(folder / f"a/b/{number}.txt", "text" * 1000)
    write_json(folder / f"{number}.json", list(range(1000)))
    write_csv(folder / f"c{number}/table.csv", ["x"], ({"x": x} for x in range(100)))
"""


@pytest.fixture
def disk(tmp_path):
    (tmp_path / "disk").mkdir()
    return power_cut.Disk(tmp_path / "disk.img", 64)


def test_files_are_on_disk_when_they_are_written(tmp_path, disk):
    with disk.mounted(tmp_path / "disk") as mounted:
        subprocess.run([sys.executable, "-c", WRITE, mounted / "files"], check=True, env=environment())
        cut = disk.cut(tmp_path / "cut.img")
        written = power_cut.contents(mounted)
    assert len(written) == 60
    with cut.mounted(tmp_path / "disk") as mounted:
        assert power_cut.contents(mounted) == written


def test_a_finished_run_survives(tmp_path, disk, dataset_folder):
    with disk.mounted(tmp_path / "disk") as mounted:
        train(mounted / "run", dataset_folder)
        cut = disk.cut(tmp_path / "cut.img")
        written = power_cut.contents(mounted)
        shutil.copytree(mounted / "run", tmp_path / "run")
    with cut.mounted(tmp_path / "disk") as mounted:
        assert power_cut.contents(mounted) == written
        assert outputs(mounted / "run") == outputs(tmp_path / "run")
        # What is left in the working folder is enough to make them again.
        shutil.rmtree(mounted / "run/snapshots")
        assert "finished before" in train(mounted / "run", dataset_folder)
        assert outputs(mounted / "run") == outputs(tmp_path / "run")


def test_a_stopped_run_survives(tmp_path, disk, dataset_folder):
    """Its state, and the snapshots before that."""
    changes = {"epochs": 40, "snapshots": [0, 1, 2, 3, 40]}
    with disk.mounted(tmp_path / "disk") as mounted:
        process = start(mounted / "run", dataset_folder, **changes)
        next(line for line in process.stderr if line.startswith("epoch 4/"))
        process.terminate()
        process.communicate()
        assert process.returncode == 128 + signal.SIGTERM
        cut = disk.cut(tmp_path / "cut.img")
        train(mounted / "run", dataset_folder, **changes)
        shutil.copytree(mounted / "run", tmp_path / "run")
    with cut.mounted(tmp_path / "disk") as mounted:
        log = train(mounted / "run", dataset_folder, **changes)
        assert "continuing after epoch" in log
        assert "damaged" not in log
        assert outputs(mounted / "run") == outputs(tmp_path / "run")
