"""The page of a folder of docs/results: numbers of what was collected there, and below what people write."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from anatomy.reporting.tables import read_table
from measure import ROOT

# What stands below this line is not written here.
BY_HAND = "<!-- From here on written by hand; all above is by benchmarks/collect.py. -->"
NOT_TESTED = "not tested"
Records = Mapping[str, Mapping[str, Any]]


def page(
    output: Path,
    configfiles: Sequence[str],
    records: Records,
    words: Mapping[str, str],
    figures: Mapping[str, str],
    before: str = "",
) -> str:
    """Return the text of README.md of the folder `output`.

    `records` are those of the experiments, `words` their labels, `figures` what each picture shows, by name;
    `before` is the page as it was, of which the part by hand is kept.
    """
    first = (ROOT / configfiles[0]).read_text(encoding="utf-8").splitlines()[0]
    lines = [f"# {first.lstrip('# ').rstrip('.:')}", ""]
    lines += [f"    snakemake --cores 3 --configfile {' '.join(configfiles)}", ""]
    lines += [*_made(records), "", "## What it cost", "", *_costs(records, words), ""]
    lines += ["## The paper's sentences on these data", "", *_claims(read_table(output / "claims.csv")), ""]
    lines += ["## What came out", ""]
    for name in records:
        if (output / name / "reinitialisation_summary.csv").is_file():
            lines += [f"### {words[name]}", "", *_layers(output / name), ""]
    lines += [f"![{shows}]({name}.png)" for name, shows in figures.items()]
    lines += ["", *_tables(output, records), "", BY_HAND]
    below = before.partition(BY_HAND)[2]
    return "\n".join(lines) + (below if below else "\n")


def _made(records: Records) -> Iterator[str]:
    """Say when, where and by which commit networks were trained, one line for each different answer."""
    found: dict[str, list[str]] = {}
    for name, record in records.items():
        for own in record["seeds"].values():
            made = own["made"]
            day = datetime.fromisoformat(made["finished"]).strftime("%-d %B %Y")
            precision = record["settings"]["experiment"].get("precision", "float32")
            edited = ", with uncommitted changes" if made["uncommitted_changes"] else ""
            said = (
                f"{day}, {made['processor']}, torch {made['torch']}, {precision}, commit "
                f"{(made['commit'] or 'unknown')[:7]}{edited}"
            )
            found.setdefault(said, [])
            if name not in found[said]:
                found[said].append(name)
    yield "Trained:"
    yield ""
    yield from (f"- {', '.join(names)}: {said}" for said, names in found.items())
    encodings = {record["dataset"]["source"].get("encoding") for record in records.values()} - {None}
    yield ""
    if encodings:
        yield f"The images are {' and '.join(sorted(encodings))} of the official ones."
    else:
        yield "The images are the official ones."


def _costs(records: Records, words: Mapping[str, str]) -> Iterator[str]:
    """Yield a table of what each experiment took: CPU minutes of all seeds, largest memory of a process."""
    columns = (
        "experiment | network, data | seeds | epochs | training, CPU minutes | resetting layers | memory"
    )
    yield f"| {columns} | test accuracy |"
    yield "|---|---|---|---|---|---|---|---|"
    total = 0.0
    for name, record in records.items():
        seeds = list(record["seeds"].values())
        minutes = {
            part: sum(own[part].get("cpu_seconds", 0.0) for own in seeds) / 60
            for part in ("training", "reinitialisation")
        }
        total += sum(minutes.values())
        memory = max(
            own[part].get("peak_memory_mib", 0.0)
            for own in seeds
            for part in ("training", "reinitialisation")
        )
        accuracy = pd.Series([100 * own["final"]["test"]["accuracy"] for own in seeds])
        resets = f"{minutes['reinitialisation']:.1f}" if minutes["reinitialisation"] else ""
        yield (
            f"| {name} | {words[name]} | {len(seeds)} | {record['settings']['experiment']['epochs']} | "
            f"{minutes['training']:.1f} | {resets} | {memory:,.0f} MiB | {_spread(accuracy, 1)} % |"
        )
    yield ""
    yield (
        f"{total:.0f} CPU minutes in all, on two cores {total / 2:.0f} minutes; of a stopped run the "
        "last attempt counts."
    )


def _spread(values: pd.Series, digits: int) -> str:
    """Return mean ± standard deviation; the mean alone of one value."""
    spread = f" ± {values.std():.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"


def _claims(claims: pd.DataFrame) -> Iterator[str]:
    """Yield a table of the claims that were tested, and how many were not."""
    yield "| sentence | value | 95 % interval | wanted | verdict |"
    yield "|---|---|---|---|---|"
    tested = claims[claims["verdict"] != NOT_TESTED]
    for row in tested.itertuples():
        interval = "" if pd.isna(row.low) else f"{row.low:.2f} to {row.high:.2f}"
        # As in |n_l - 1/2|, where it would end a cell.
        wanted = row.criterion.replace("|", r"\|")
        yield f"| {row.id.replace('-', ' ')} | {row.value:.3g} | {interval} | {wanted} | {row.verdict} |"
    yield ""
    yield (
        f"The other {len(claims) - len(tested)} sentences need figures of experiments that are not here. "
        "Methods: [docs/statistics.md](../../statistics.md); quantities and notes: [claims.csv](claims.csv)."
    )


def _layers(folder: Path) -> Iterator[str]:
    """Yield a table of n_l before and after training and of the drops, by layer: mean ± deviation."""
    n_l, drops = read_table(folder / "n_l.csv"), read_table(folder / "reinitialisation.csv")
    last = n_l["epoch"].max()
    random = drops[drops["reset_to"] == "random"]
    yield (
        f"n_l at initialisation and after {last} epochs, and the drop in test accuracy, in percentage "
        "points, when one layer is reset: mean ± standard deviation over the seeds."
    )
    yield ""
    n_l_columns = f"n_l, epoch 0 | n_l, epoch {last}"
    yield f"| layer | filters | {n_l_columns} | drop, reset to epoch 0 | drop, random weights |"
    yield "|---|---|---|---|---|---|"
    for layer, own in n_l.groupby("layer"):
        of_layer = drops[(drops["layer"] == layer) & (drops["reset_to"].astype(str) == "0")]
        at = {epoch: own.loc[own["epoch"] == epoch, "n_l"] for epoch in (0, last)}
        fresh = random.loc[random["layer"] == layer, "drop"]
        yield (
            f"| {layer} | {own['filters'].iloc[0]} | {_spread(at[0], 2)} | {_spread(at[last], 2)} | "
            f"{_spread(100 * of_layer['drop'], 1)} | {_spread(100 * fresh, 1)} |"
        )


def _tables(output: Path, records: Records) -> Iterator[str]:
    """Yield links to all tables; their columns are explained elsewhere."""
    yield "Tables, with columns as in [results/README.md](../../../results/README.md):"
    yield ""
    yield "- " + ", ".join(f"[{path.name}]({path.name})" for path in sorted(output.glob("*.csv")))
    for name in records:
        files = [*sorted((output / name).glob("*.csv")), output / name / "record.json"]
        yield f"- {name}: " + ", ".join(f"[{path.name}]({name}/{path.name})" for path in files)
