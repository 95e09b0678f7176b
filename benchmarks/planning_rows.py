"""Rows about Snakemake: a dry run of a thousand runs, against a plain workflow of about as many jobs."""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import yaml

import measure
from measure import ROOT, Options, Row

EXPERIMENTS = 10
# The same files and wildcards, and nothing by which a dry run could tell why a job runs.
PLAIN = """
EXPERIMENTS = [f"e{{index}}" for index in range({experiments})]
EPOCHS = list(range({epochs} + 1))
RUN, RESETS = "runs/{{experiment}}/seed={{seed}}", "resets/{{experiment}}/seed={{seed}}.csv"
MEASURED = "measured/{{experiment}}/seed={{seed}}/epoch={{epoch}}.json"

rule all:
    input: expand("tables/{{experiment}}.csv", experiment=EXPERIMENTS)

rule prepare:
    output: "data.safetensors"
    shell: "touch {{output}}"

rule train:
    input: "data.safetensors"
    output: expand(RUN + "/{{epoch}}.safetensors", epoch=EPOCHS, allow_missing=True), RUN + "/run.json"
    shell: "touch {{output}}"

rule measure:
    input: expand(RUN + "/{{epoch}}.safetensors", epoch=EPOCHS, allow_missing=True)
    output: expand(MEASURED, epoch=EPOCHS, allow_missing=True)
    shell: "touch {{output}}"

rule reset:
    input: expand(RUN + "/{{epoch}}.safetensors", epoch=EPOCHS, allow_missing=True), "data.safetensors"
    output: RESETS
    shell: "touch {{output}}"

rule tabulate:
    input:
        expand(MEASURED, seed=range({seeds}), epoch=EPOCHS, allow_missing=True),
        expand(RESETS, seed=range({seeds}), allow_missing=True),
        expand(RUN + "/run.json", seed=range({seeds}), allow_missing=True),
    output: "tables/{{experiment}}.csv"
    shell: "touch {{output}}"
"""


def planning(options: Options) -> list[Row]:
    """Time dry runs of the tables of a thousand runs of the default configuration's first experiment."""
    seeds, epochs = options.size(100, 2), 10
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    seconds: dict[str, list[float]] = {"plain": [], "ours": []}
    with tempfile.TemporaryDirectory() as folder:
        overlay, plain = Path(folder, "thousand.yaml"), Path(folder, "Snakefile")
        overlay.write_text(yaml.safe_dump(_configuration(seeds)))
        plain.write_text(PLAIN.format(experiments=EXPERIMENTS, epochs=epochs, seeds=seeds))
        ours = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(overlay), "--", "tables"]
        commands = {"plain": ["--snakefile", str(plain)], "ours": ours}
        for name in list(commands) + [*commands] * options.rounds_of(5):
            # Not where the results of this checkout are.
            seconds[name].append(_dry_run(commands[name], Path(folder, name), environment))
    for values in seconds.values():
        # The first call reads Snakemake from disk.
        del values[0]
    jobs = f"{EXPERIMENTS * seeds:,} runs of VGG19 with {epochs + 1} snapshots, their projections and resets"
    details = f"{jobs}; {measure.medians(seconds)}"
    return [
        Row(
            "planning", "dry run of a thousand runs, CPU time", seconds["ours"], details, *("at most", 9, "s")
        ),
        Row(
            "planning-plain",
            "the same, in dry runs of a plain workflow with as many jobs and files",
            measure.ratios(seconds["ours"], seconds["plain"]),
            details,
        ),
    ]


def _configuration(seeds: int) -> Mapping[str, object]:
    """Return what is changed of the default configuration: experiments like its first, of one study."""
    names = [f"e{index}" for index in range(EXPERIMENTS)]
    return {
        "studies": dict.fromkeys(("invariance", "curvature", "subspaces")),
        "only": names,
        "experiments": {name: {"like": "rgb-step", "seeds": list(range(seeds))} for name in names},
    }


def _dry_run(arguments: list[str], folder: Path, environment: Mapping[str, str]) -> float:
    """Return the CPU seconds of a dry run in a folder."""
    folder.mkdir(exist_ok=True)
    command = ["snakemake", "--dry-run", "--quiet", "--directory", str(folder), *arguments]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{said}")
    return usage.ru_utime + usage.ru_stime
