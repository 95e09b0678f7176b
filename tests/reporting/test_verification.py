"""`anatomy verify`: what of a results folder is not what was written, and how to make it again."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import SCRIPTS, make_dataset
from training_program import train

from anatomy.__main__ import main
from anatomy.data.dataset import write_dataset
from anatomy.reporting.verification import verify
from anatomy.runtime.files import write_csv, write_json
from anatomy.runtime.signals import SNAKEMAKE


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Results as a pipeline leaves them: a data set, a run, a measurement and a table."""
    folder = tmp_path_factory.mktemp("verify") / "results"
    before = os.environ.get(SNAKEMAKE)
    # This process may be asked to stop when its parent ends, as a job is.
    os.environ[SNAKEMAKE] = str(os.getpid())
    try:
        write_dataset(make_dataset(size=8), folder / "datasets/shades", "shades", {"source": "test"})
        train(folder / "runs/a/seed=0", folder / "datasets/shades", architecture="lenet", epochs=1)
        write_json(folder / "arrangements/measurements/epoch=0.json", {"n_l": 0.5})
        write_csv(folder / "arrangements/tables/n_l.csv", ["n_l"], [{"n_l": 0.5}])
    finally:
        os.environ.pop(SNAKEMAKE)
        if before is not None:
            os.environ[SNAKEMAKE] = before
    return folder


@pytest.fixture
def results(made, tmp_path):
    return shutil.copytree(made, tmp_path / "results")


FILES = [
    *("datasets/shades/data.safetensors", "datasets/shades/dataset.json"),
    *(f"runs/a/seed=0/{name}" for name in ("run.json", "history.csv", "final.json", "final.safetensors")),
    *("runs/a/seed=0/provenance.json", "runs/a/seed=0/snapshots/epoch=0.safetensors"),
    *("arrangements/measurements/epoch=0.json", "arrangements/tables/n_l.csv"),
]


def all_of(results):
    found = (path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file())
    return sorted(name for name in found if "resume" not in name and "/." not in name)


def test_all_that_a_pipeline_writes_has_a_checksum(results):
    found = verify(results)
    assert found.is_whole
    assert (found.gone, found.unknown) == ([], [])
    # And the other snapshot.
    assert found.whole == len(FILES) + 1 == len(all_of(results))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_whatever_is_damaged_is_named_with_the_command_that_removes_it(results, capsys, name, damage):
    path, content = results / name, (results / name).read_bytes()
    state = path.stat()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 4
    path.write_bytes({"flipped": bytes(flipped), "cut": content[:-3], "empty": b""}[damage])
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(results)])
    lines = capsys.readouterr().out.splitlines()
    assert ended.value.code == 1
    assert lines[0].startswith(f"{path} is ")
    assert lines[-2:] == [f"rm -f {path}", "and call snakemake as before"]


def test_what_is_missing_and_what_has_no_checksum_is_told(results, capsys):
    (results / "arrangements/tables/n_l.csv").unlink()
    (results / "arrangements/tables/mine.csv").write_text("x\n1\n")
    found = verify(results)
    assert found.is_whole
    assert found.gone == [results / "arrangements/tables/n_l.csv"]
    assert found.unknown == [results / "arrangements/tables/mine.csv"]
    (results / "runs/a/seed=0/final.json").unlink()
    (message,) = verify(results).damaged.values()
    assert "final.json is missing, which" in message


def test_the_program_works_without_an_installation(results):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, SCRIPTS / "verify.py", results]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{len(FILES) + 1} files are what was written, 0 are not\n"
    result = subprocess.run([*command[:2], results / "none"], capture_output=True, text=True, env=environment)
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: {results}/none is no folder")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("runs/a/seed=0/history.csv", "pipe"),
        ("arrangements/tables/.checksums", "pipe"),
        ("arrangements/tables/n_l.csv", "device"),
        ("arrangements/measurements/epoch=0.json", "pipe"),
    ],
)
def test_a_pipe_or_a_device_is_damage_and_is_not_waited_for(results, name, kind):
    path = results / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    found = verify(results)
    assert found.damaged == {path: f"{path} is a {kind}, expected a file; put one in its place"}
    assert found.gone == []
