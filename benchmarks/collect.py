"""Collect what runs leave into a folder of docs/results: tables, histories, costs, figures and claims.

    python benchmarks/collect.py --configfile config/laptop.yaml --output docs/results/laptop

Each finished experiment has a folder with its tables and `record.json`: settings, data, commit, machine, the
final losses and the cost of every seed. Figures, claims and the first part of README.md are made from these
folders alone, by the pipeline's own rules: so what was collected earlier, of other experiments, is among
them, and the results themselves may be gone.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from anatomy.configuration.files import SCHEMA, read_configuration
from anatomy.configuration.labels import label
from anatomy.configuration.resolve import Configuration
from anatomy.data.search_path import DATA_VARIABLE
from anatomy.reporting.kinds import kinds
from anatomy.reporting.uses import claiming_studies, uses_of
from anatomy.runtime.errors import InputError, run_program
from anatomy.runtime.files import read_json, write_json, write_text
from anatomy.runtime.schema import read_schemas
from anatomy.runtime.settings import Settings
from anatomy.studies.arrangements.settings import resets
from collected_page import page

ROOT = Path(__file__).resolve().parent.parent
RECORD = "record.json"
STUDY = "arrangements"
# Of every experiment that is trained; the others are of those that are measured, or whose layers are reset.
TRAINING = ("training", "training_summary")
MEASURED = ("n_l", "n_l_summary", "bias_onset")
RESET = ("reinitialisation", "reinitialisation_summary")
# Columns of the files of Snakemake's `benchmark:`, and what they are called here: seconds, MiB.
COSTS = {"s": "wall_seconds", "cpu_time": "cpu_seconds", "max_rss": "peak_memory_mib"}


def tables_of(configuration: Configuration, experiment: str) -> list[str]:
    """Return the names of the tables of an experiment that are kept: of figures, claims, and more."""
    wanted = [*TRAINING, *MEASURED]
    if resets(configuration.experiments[experiment].arrangements):
        wanted += RESET
    drawing = [name for name, figure in configuration.figures.items() if experiment in figure.draws]
    for name in drawing:
        wanted += kinds()[configuration.figures[name].kind].tables
    for study in {*claiming_studies()} & configuration.studies.keys():
        for uses in uses_of(study).values():
            # `training` stands there for the histories; what is not made of the experiment, no claim reads.
            wanted += [table for name in drawing for table in uses.get(name, ()) if table not in RESET]
    return list(dict.fromkeys(wanted))


def place_of(results: Path, experiment: str, table: str) -> Path:
    """Return where a table of an experiment lies in a folder of results."""
    folder = "runs" if table in TRAINING else f"{STUDY}/tables"
    return results / folder / experiment / f"{table}.csv"


def run_of(results: Path, experiment: str, seed: int) -> Path:
    """Return the directory of a run."""
    return results / "runs" / experiment / f"seed={seed}"


def cost(path: Path) -> dict[str, float]:
    """Return what a file of Snakemake's `benchmark:` says of the last attempt of a job; empty without one."""
    if not path.is_file():
        return {}
    names, values = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[:2])
    row = dict(zip(names, values, strict=True))
    return {
        name: round(float(row[column]), 1) for column, name in COSTS.items() if row[column] not in ("-", "NA")
    }


def unfinished(configuration: Configuration, results: Path, experiment: str) -> list[Path]:
    """Return the files of an experiment that are still missing from the results."""
    files = [place_of(results, experiment, table) for table in tables_of(configuration, experiment)]
    for seed in configuration.experiments[experiment].seeds:
        files += [
            run_of(results, experiment, seed) / name for name in ("run.json", "final.json", "provenance.json")
        ]
    return [file for file in files if not file.is_file()]


def collect(configuration: Configuration, results: Path, experiment: str, output: Path) -> None:
    """Copy the tables of a finished experiment to `output`, and write its record.

    `InputError` if files are missing.
    """
    if missing := unfinished(configuration, results, experiment):
        raise InputError(f"{experiment} is not finished: {missing[0]} is missing; run it to its end first")
    settings = configuration.experiments[experiment]
    folder = output / experiment
    if folder.is_dir():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for table in tables_of(configuration, experiment):
        shutil.copyfile(place_of(results, experiment, table), folder / f"{table}.csv")
    seeds = {}
    for seed in settings.seeds:
        run = run_of(results, experiment, seed)
        made = read_json(run / "provenance.json")
        kept = ("finished", "commit", "uncommitted_changes", "device", "processor", "peak_memory")
        reset = results / STUDY / "measurements" / "reinitialisation" / experiment / f"seed={seed}.tsv"
        seeds[str(seed)] = {
            "final": read_json(run / "final.json"),
            "made": {key: made[key] for key in kept} | {"torch": made["packages"]["torch"]},
            "training": cost(run / "train.tsv"),
            "reinitialisation": cost(reset),
        }
    dataset = read_json(results / "datasets" / settings.dataset / "dataset.json")
    record = {"settings": asked(configuration, experiment), "dataset": dataset, "seeds": seeds}
    write_json(folder / RECORD, record)


def asked(configuration: Configuration, experiment: str) -> dict[str, Any]:
    """Return the settings of an experiment and of its data; copies count as what they are of."""
    settings = configuration.experiments[experiment]
    data = configuration.datasets[settings.dataset].stored()
    kept = {key: value for key, value in data.items() if key not in ("label", "homepage", "stand_in")}
    return json.loads(json.dumps({"experiment": settings.stored(), "dataset": kept}))


def collected(configuration: Configuration, output: Path) -> dict[str, dict[str, Any]]:
    """Return the records of experiments that are collected, with the settings that they have today."""
    found = {}
    for experiment in configuration.measured[STUDY]:
        path = output / experiment / RECORD
        if path.is_file():
            record = read_json(path)
            if record["settings"] == asked(configuration, experiment):
                found[experiment] = record
    return found


def datasets_of(
    configuration: Configuration, records: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the data sets of records as entries of a configuration, copies where copies stood in."""
    entries = {}
    for record in records.values():
        name, source = record["dataset"]["name"], dict(record["dataset"]["source"])
        # The checksum is that of the archive that was read, which the entry need not ask for.
        source.pop("sha256", None)
        entries[name] = {**source, "label": configuration.datasets[name].label or name}
    return entries


def redraw(configuration: Configuration, overlays: Iterable[Path], output: Path) -> None:
    """Draw figures and judge claims from what is collected in `output`, by the rules of the pipeline.

    Other pictures and tables there are removed, and folders of experiments without a record.
    """
    records = collected(configuration, output)
    if not records:
        raise InputError(f"{output}: nothing is collected there with the settings of today")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        results = work / configuration.pathvars["results"]
        # In the order in which they were made: no file is older than what it was made from.
        for record in records.values():
            write_json(results / "datasets" / record["dataset"]["name"] / "dataset.json", record["dataset"])
        for experiment, record in records.items():
            for seed, own in record["seeds"].items():
                write_json(run_of(results, experiment, int(seed)) / "final.json", own["final"])
        for experiment in records:
            for path in (output / experiment).glob("*.csv"):
                place = place_of(results, experiment, path.stem)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
        entries = {"only": list(records), "datasets": datasets_of(configuration, records)}
        (work / "collected.yaml").write_text(yaml.safe_dump(entries), encoding="utf-8")
        tables = [results / "accuracies.csv", results / STUDY / "claims.csv"]
        if any((output / name / "reinitialisation.csv").is_file() for name in records):
            tables.append(results / STUDY / "tables" / "criticality.csv")
        command = ["snakemake", "-s", str(ROOT / "Snakefile"), "-d", str(work), "--cores", "1", "--quiet"]
        command += ["--configfile", *(str(path.resolve()) for path in overlays), str(work / "collected.yaml")]
        # Nothing is known of how the tables were made, and nothing above them is to be made again.
        targets = ["figures", *(str(path.relative_to(work)) for path in tables)]
        command += ["--rerun-triggers", "input", "--", *targets]
        environment = {**os.environ, DATA_VARIABLE: ""}
        finished = subprocess.run(command, env=environment, stdout=sys.stderr)
        if finished.returncode:
            raise InputError("the figures of what is collected could not be drawn; see above")
        # Pictures and tables of an earlier time.
        kept = {table.name for table in tables}
        for old in output.glob("[!.]*.*"):
            if old.suffix == ".png" or (old.suffix == ".csv" and old.name not in kept):
                old.unlink()
        # Tables of an earlier time, of which nothing says how they were made.
        for old in output.iterdir():
            if old.is_dir() and not (old / RECORD).is_file():
                shutil.rmtree(old)
        for picture in sorted((results / STUDY / "figures").glob("*.png")):
            shutil.copyfile(picture, output / picture.name)
        for table in tables:
            shutil.copyfile(table, output / table.name)


def write_page(configuration: Configuration, overlays: Iterable[Path], output: Path) -> None:
    """Write the first part of README.md from what is collected; what stands below its last line stays."""
    records = collected(configuration, output)
    files = [str(Path(os.path.relpath(path, ROOT))) for path in overlays]
    parts = read_schemas(ROOT / SCHEMA)["$defs"]
    datasets = {
        name: Settings(own, parts[own["source"]]) for name, own in datasets_of(configuration, records).items()
    }
    words = {name: label(configuration.experiments[name], datasets) for name in records}
    figures = {}
    for path in sorted(output.glob("*.png")):
        figure = configuration.figures[path.stem]
        drawn = ", ".join(words[name] for name in figure.draws if name in words)
        figures[path.stem] = ": ".join(filter(None, [kinds()[figure.kind].shows, drawn]))
    readme = output / "README.md"
    before = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    write_text(readme, page(output, files, records, words, figures, before))


def add_options(parser: argparse.ArgumentParser, configfile: Path, output: Path) -> None:
    """Add the options that this program and that of the long runs share."""
    parser.add_argument("--configfile", type=Path, nargs="+", default=[configfile], help="of the runs")
    parser.add_argument("--output", type=Path, default=output, help="folder of docs/results")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser, ROOT / "config" / "laptop.yaml", ROOT / "docs" / "results" / "laptop")
    parser.add_argument(
        "--results", type=Path, help="folder of results; that of the configuration, in the project"
    )
    parser.add_argument("--redraw", action="store_true", help="collect nothing, draw again what is collected")
    arguments = parser.parse_args()
    configuration = read_configuration(ROOT, arguments.configfile)
    results = arguments.results or ROOT / configuration.pathvars["results"]
    if not arguments.redraw:
        for experiment in configuration.measured[STUDY]:
            collect(configuration, results, experiment, arguments.output)
    redraw(configuration, arguments.configfile, arguments.output)
    write_page(configuration, arguments.configfile, arguments.output)


if __name__ == "__main__":
    run_program(main)
