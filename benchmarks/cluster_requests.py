"""Hold what trainings ask of a cluster against what those took that are finished.

    python benchmarks/cluster_requests.py [--configfile FILE ...] [--results FOLDER] [--gpu]

One row for each experiment with finished runs: MiB and minutes that are asked for, and the most that one of
its seeds used, by `provenance.json` and `train.tsv`.
"""

import argparse
import csv
import json
from pathlib import Path

from anatomy.configuration import requests
from anatomy.configuration.files import read_configuration
from anatomy.runtime.errors import run_program

ROOT = Path(__file__).parent.parent


def used(run: Path) -> tuple[float, float]:
    """Return (MiB, minutes) that a finished run took."""
    memory = json.loads((run / "provenance.json").read_text())["peak_memory"] / 2**20
    with open(run / "train.tsv", newline="") as file:
        seconds = max(float(row["s"]) for row in csv.DictReader(file, delimiter="\t"))
    return memory, seconds / 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--configfile", nargs="*", default=[], type=Path, help="files over the shipped ones")
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="where the runs lie")
    parser.add_argument("--gpu", action="store_true", help="they ran on a GPU")
    arguments = parser.parse_args()
    configuration = read_configuration(ROOT, arguments.configfile)
    print("| experiment | asked, MiB | used, MiB | asked, minutes | used, minutes |\n|---|---|---|---|---|")
    for name, run in configuration.experiments.items():
        folders = [arguments.results / "runs" / name / f"seed={seed}" for seed in run.seeds]
        finished = [used(folder) for folder in folders if (folder / "train.tsv").is_file()]
        if not finished:
            continue
        inputs = requests.inputs_of(configuration.datasets[run.dataset])
        loaders = 8 if arguments.gpu and inputs.in_files else int(inputs.in_files)
        asked = requests.training(requests.Job(run, inputs, arguments.gpu, run.threads, loaders))
        memory, minutes = (max(values) for values in zip(*finished, strict=True))
        print(f"| {name} | {asked.memory} | {memory:.0f} | {asked.minutes} | {minutes:.1f} |")


if __name__ == "__main__":
    run_program(main)
