"""Cut the power of a disk while the pipeline runs on it, and up to 30 s after it, and see what is lost.

An ext4 file system with default options lies in a file, mounted through a loop device. A power cut leaves
what has reached that file: so it is copied, at moments when nothing is being written to it. Each copy is
mounted in place of the original, which replays its journal, as after a real power cut. A cut is survived if

- no result is there that is not what it was before or in the end (Snakemake would call it complete),
- Snakemake, called again, ends with the same results (same_results.py), and
- of a cut after the end, no training is done again.

Needs root, mkfs.ext4 and a loop device. About 15 minutes on two cores; exit status 1 unless all are survived.
"""

import argparse
import atexit
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from measure import ROOT

# Read and written while jobs run, by Snakemake and for people; nothing is made from them.
NOT_RESULTS = (".log", ".tsv")

# One experiment from data to a figure, in a minute or two.
SMALL = {
    "device": "cpu",
    "datasets": {"digits-grey": {"source": "embedded", "variant": "digits-grey", "train": 120, "test": 40}},
    "defaults": {"width": 1.0, "epochs": 6, "batch_size": 8, "seeds": [0]},
    "studies": {"arrangements": {}},
    "experiments": {"grey": {"dataset": "digits-grey", "architecture": "lenet", "arrangements": {}}},
    "figures": {"figure_02": {"experiment": "grey"}},
}


class Disk:
    """An ext4 file system in the file `image`, of which copies are made as a power cut leaves it."""

    def __init__(self, image: Path, mebibytes: int):
        self.image = image
        with open(image, "wb") as file:
            file.truncate(mebibytes * 2**20)
        subprocess.run(["mkfs.ext4", "-q", image], check=True)

    @contextmanager
    def mounted(self, where: Path) -> Iterator[Path]:
        """Mount the file system at an empty directory while the context lasts."""
        subprocess.run(["mount", "-o", "loop", self.image, where], check=True)
        listed = subprocess.run(
            ["losetup", "-j", self.image, "-n", "-O", "NAME"], capture_output=True, text=True
        )
        self.device = Path("/sys/block", Path(listed.stdout.split()[0]).name)
        try:
            yield where
        finally:
            subprocess.run(["umount", where], check=True)

    def cut(self, copy: Path) -> "Disk":
        """Copy the file as it is now; again if something was written meanwhile, which no disk has at once."""
        for _ in range(1000):
            before = self._written()
            subprocess.run(["cp", "--sparse=always", self.image, copy], check=True)
            if before is not None and self._written() == before:
                break
            time.sleep(0.01)
        else:
            raise RuntimeError(f"{self.image} is written to without a pause")
        disk = object.__new__(Disk)
        disk.image = copy
        return disk

    def _written(self) -> tuple[str, str] | None:
        """Return numbers of requests that have been written to the file; None while there is one."""
        numbers = (self.device / "stat").read_text().split()
        return None if int(numbers[8]) else (numbers[4], numbers[6])


def can_mount() -> bool:
    """Tell whether this process may mount a file system in a file here."""
    return os.geteuid() == 0 and shutil.which("mkfs.ext4") is not None and Path("/dev/loop-control").exists()


def contents(results: Path) -> dict[str, str]:
    """Return a hash of each published result by its name, without working folders and logs."""
    return {
        str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in results.rglob("*")
        if path.is_file()
        and path.suffix not in NOT_RESULTS
        and not any(part == "resume" or part.startswith(".") for part in path.relative_to(results).parts)
    }


def check_out(folder: Path, configuration: str) -> None:
    """Put a copy of this checkout into a folder, whose whole configuration is that of a text."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    for path in (folder / "config/studies").glob("*.yaml"):
        path.unlink()
    (folder / "config.yaml").write_text(configuration)


def snakemake(folder: Path, log: Path, *arguments: str) -> subprocess.Popen:
    """Start Snakemake in a checkout."""
    # Imported modules are not written anywhere, nor is anything of another checkout.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONPATH", None)
    with open(log, "w") as output:
        command = ["snakemake", "--cores", "2", *arguments]
        return subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, env=environment)


def cuts_of(disk: Disk, checkout: Path, work: Path, count: int, every: float) -> list[tuple[str, Disk]]:
    """Run the pipeline; return cuts by name, half during and half from 0 to 30 s after."""
    draw, during, seen = random.Random(0), [], 0
    process, began = snakemake(checkout, work / "whole.log"), time.monotonic()
    # Nothing works on the disk when this program is stopped: trainings end with their Snakemake.
    atexit.register(process.kill)
    while process.poll() is None:
        time.sleep(every * draw.random() * 2)
        name = f"{time.monotonic() - began:.1f} s after the start"
        # Of all moments each is as likely to be kept.
        seen += 1
        place = len(during) if len(during) < count // 2 else draw.randrange(seen)
        if place < count // 2:
            cut = name, disk.cut(work / f"during-{place}.img")
            during[place : place + 1] = [cut]
    if process.returncode:
        raise RuntimeError((work / "whole.log").read_text())
    ended, after = time.monotonic(), []
    for index in range(count - len(during)):
        moment = 30 * index / max(1, count - len(during) - 1)
        time.sleep(max(0.0, ended + moment - time.monotonic()))
        passed = time.monotonic() - ended
        after.append((f"{passed:.1f} s after the end", disk.cut(work / f"after-{index}.img")))
    return [*during, *after]


def problems_of(checkout: Path, whole: Path, reference: dict[str, str], work: Path, ended: bool) -> list[str]:
    """Say what is lost on a disk after a cut, that has been mounted again."""
    results, problems = checkout / "results", []
    found = contents(results) if results.is_dir() else {}
    wrong = [name for name, digest in found.items() if reference.get(name) != digest]
    problems += [f"{name} is not whole" for name in wrong]
    if ended:
        problems += [f"{name} is lost" for name in reference.keys() - found.keys()]
    snakemake(checkout, work / "unlock.log", "--unlock").wait()
    logs = {path: path.read_text() for path in results.rglob("train.log")}
    if snakemake(checkout, work / "again.log").wait():
        problems.append(f"Snakemake fails: {(work / 'again.log').read_text()[-2000:]}")
        return problems
    if ended and any(path.read_text() != log for path, log in logs.items()):
        problems.append("a training was done again")
    command = [sys.executable, ROOT / "benchmarks" / "same_results.py", whole, results]
    compared = subprocess.run(command, capture_output=True, text=True)
    if compared.returncode:
        problems.append(compared.stdout + compared.stderr)
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--every", type=float, default=3.0, help="mean seconds between moments of a cut")
    parser.add_argument("--configuration", type=Path, help="run the pipeline of this file, not a small one")
    options = parser.parse_args()
    if not can_mount():
        sys.exit("skipped: needs root, mkfs.ext4 and loop devices")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "disk").mkdir()
        disk = Disk(work / "disk.img", 1024)
        with disk.mounted(work / "disk") as mounted:
            own = options.configuration
            check_out(mounted / "checkout", own.read_text() if own else yaml.safe_dump(SMALL))
            os.sync()
            cuts = cuts_of(disk, mounted / "checkout", work, options.cuts, options.every)
            reference = contents(mounted / "checkout/results")
            shutil.copytree(mounted / "checkout/results", work / "whole")
        survived = 0
        for name, cut in cuts:
            with cut.mounted(work / "disk") as mounted:
                ended = name.endswith("end")
                problems = problems_of(mounted / "checkout", work / "whole", reference, work, ended)
            survived += not problems
            print(f"{name}: {'; '.join(problems) or 'nothing is lost'}", flush=True)
            cut.image.unlink()
    print(f"{survived} of {len(cuts)} power cuts survived")
    sys.exit(survived < len(cuts))


if __name__ == "__main__":
    main()
