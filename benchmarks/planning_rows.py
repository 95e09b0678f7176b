"""Rows about Snakemake: a dry run of a thousand runs, against a plain workflow of about as many jobs."""

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
    seconds: dict[str, list[float]] = {"plain": [], "ours": []}
    with tempfile.TemporaryDirectory() as folder:
        overlay, plain = Path(folder, "thousand.yaml"), Path(folder, "Snakefile")
        overlay.write_text(yaml.safe_dump(_configuration(seeds)))
        plain.write_text(PLAIN.format(experiments=EXPERIMENTS, epochs=epochs, seeds=seeds))
        ours = ["--snakefile", ROOT / "Snakefile", "--configfile", overlay, "--", "tables"]
        commands = {"plain": ["--snakefile", plain], "ours": ours}
        for name in list(commands) + [*commands] * options.rounds_of(5):
            # Not where the results of this checkout are.
            dry_run = ["--dry-run", "--quiet", "--directory", Path(folder, name)]
            usage = measure.run_program("-m", "snakemake", *dry_run, *commands[name])
            seconds[name].append(usage.cpu)
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
            "the same, in dry runs of a plain workflow with about as many jobs and files",
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
