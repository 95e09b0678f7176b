"""Two results folders side by side: settings, accuracies, measurements of layers and verdicts that differ."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from anatomy.reporting.pages import page, section
from anatomy.reporting.statistics import LEVEL
from anatomy.reporting.tables import LAYERS, read_table
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import read_json, understood
from anatomy.runtime.schema import flattened

ABSENT = "absent"
# What is drawn over epochs.
ACCURACIES = ("train_accuracy", "validation_accuracy")


@dataclass(frozen=True)
class Comparison:
    """What two results folders differ in; a table without rows says that there is no difference.

    `settings`: experiment, key, old, new. `runs`: experiment, seed, file whose checksum differs. `values`:
    experiment, quantity, old, new, difference, low, high, seeds. `verdicts`: study, claim, old, new, and the
    values. `layers`: study, experiment, quantity, layer, old, new, difference, low, high, seeds.
    """

    settings: pd.DataFrame
    runs: pd.DataFrame
    values: pd.DataFrame
    verdicts: pd.DataFrame
    layers: pd.DataFrame

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not any(map(len, (self.settings, self.runs, self.values, self.verdicts, self.layers)))


def compare(old: Path, new: Path) -> Comparison:
    """Compare two results folders; `InputError` if one of them holds no results.

    Differences are new minus old. Where both have the same seeds they are paired by seed, else the two groups
    are independent (Welch); intervals are of 95 %, by Student's t, empty with fewer than two seeds.
    """
    for folder in (old, new):
        if not (folder / "runs").is_dir():
            raise InputError(f"{folder} has no folder runs; expected a results folder of this project")
    return Comparison(
        settings=_frame(_settings(old, new), ["experiment", "key", "old", "new"]),
        runs=_frame(_checksums(old, new), ["experiment", "seed", "file"]),
        values=_changes(_values(old), _values(new), ["experiment", "quantity"]),
        verdicts=_verdicts(old, new),
        layers=_changes(_layers(old), _layers(new), ["study", "experiment", "quantity", "epoch", "layer"]),
    )


def _frame(rows: Iterator[tuple], columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=columns)


def _runs(results: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Return the facts of every finished run by experiment and seed."""
    found = {}
    for path in sorted((results / "runs").glob("*/seed=*/run.json")):
        seed = int(path.parent.name.removeprefix("seed="))
        with understood(path, "the run.json of a run"):
            facts = read_json(path)
            parts = {key: dict(facts[key]) for key in ("settings", "sha256")}
        found[path.parent.parent.name, seed] = {**facts, **parts}
    return found


def _described(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decides a run by dotted key: its settings, and data, code, torch and device beside them."""
    beside = ("dataset_sha256", "code_sha256", "torch", "device", "processor", "threads")
    return {**flattened(facts["settings"]), **{key: facts[key] for key in beside if key in facts}}


def _settings(old: Path, new: Path) -> Iterator[tuple[str, str, Any, Any]]:
    """Yield every key that differs; those that an experiment leaves at their default are called so."""
    before, after = ({run[0]: facts for run, facts in _runs(folder).items()} for folder in (old, new))
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            yield name, "experiment", *("trained" if name in side else ABSENT for side in (before, after))
            continue
        first, second = _described(before[name]), _described(after[name])
        for key in sorted(first.keys() | second.keys()):
            if first.get(key) != second.get(key):
                yield name, key, first.get(key, "default"), second.get(key, "default")


def _checksums(old: Path, new: Path) -> Iterator[tuple[str, int, str]]:
    """Yield every file of a run that differs: weights, and what was measured at the end."""
    before, after = _runs(old), _runs(new)
    for run in sorted(before.keys() | after.keys()):
        if run not in before or run not in after:
            yield *run, f"only in {old if run in before else new}"
            continue
        first, second = before[run]["sha256"], after[run]["sha256"]
        for name in sorted(first.keys() | second.keys()):
            if first.get(name) != second.get(name):
                yield *run, name


def _values(results: Path) -> pd.DataFrame:
    """Return loss and accuracy of each part of the data at the end of every run, in long form."""
    rows = []
    for path in sorted((results / "runs").glob("*/seed=*/final.json")):
        where = {"experiment": path.parent.parent.name, "seed": int(path.parent.name.removeprefix("seed="))}
        with understood(path, "the final.json of a run"):
            for part, values in read_json(path).items():
                for quantity in ("loss", "accuracy"):
                    value = np.nan if values[quantity] is None else float(values[quantity])
                    rows.append({**where, "quantity": f"{part} {quantity}", "value": value})
    return pd.DataFrame(rows, columns=["experiment", "seed", "quantity", "value"])


def _layers(results: Path) -> pd.DataFrame:
    """Return the `layers.csv` of all studies and experiments: the first and the last epoch of each quantity.

    `epoch` is text, empty where a value has none.
    """
    columns = ["study", "experiment", "seed", "epoch", "position", "layer", "quantity", "value"]
    frames = []
    for path in sorted(results.glob("*/tables/*/layers.csv")):
        frame = _table(path, LAYERS, ("epoch", "value"))
        epochs = frame.groupby("quantity")["epoch"]
        ends = (frame["epoch"] == epochs.transform("min")) | (frame["epoch"] == epochs.transform("max"))
        kept = frame[ends | frame["epoch"].isna()].assign(study=path.parents[2].name)
        frames.append(kept.assign(epoch=["" if pd.isna(e) else f"{e:g}" for e in kept["epoch"]]))
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


def _table(path: Path, columns: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
    """Read a table; `InputError` if it has not all `columns`, or other than `numbers` in some of them."""
    frame = read_table(path)
    if missing := [column for column in columns if column not in frame]:
        has = ", ".join(map(str, frame.columns))
        raise InputError(f"{path} has no column {missing[0]}; it has {has}: remove it, and make it again")
    with understood(path, f"a table with numbers in {' and '.join(numbers)}"):
        return frame.astype(dict.fromkeys(numbers, float))


def _changes(old: pd.DataFrame, new: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return one row for each combination of `by` whose values differ, in the order of the tables."""
    columns = [*by, "old", "new", "difference", "low", "high", "seeds"]
    groups = [
        {key: part.set_index("seed")["value"] for key, part in frame.groupby(by, sort=False, dropna=False)}
        for frame in (old, new)
    ]
    rows = []
    for key in dict.fromkeys([*groups[0], *groups[1]]):
        first, second = (side.get(key, pd.Series(dtype=float)) for side in groups)
        if first.sort_index().equals(second.sort_index()):
            continue
        difference, low, high, seeds = difference_of(first, second)
        rows.append([*key, first.mean(), second.mean(), difference, low, high, seeds])
    return pd.DataFrame(rows, columns=columns)


def difference_of(old: pd.Series, new: pd.Series) -> tuple[float, float, float, str]:
    """Return mean(new) - mean(old), its 95 % interval, and how many seeds there are, in words.

    Both are indexed by seed. With the same seeds the interval is that of the mean of the paired differences,
    t(n - 1); else Welch's for two independent groups. NaN where it cannot be computed.
    """
    old, new = old.dropna(), new.dropna()
    if set(old.index) == set(new.index):
        each = new - old
        words = f"{len(each)} paired"
        error, freedom = each.std() / np.sqrt(len(each)) if len(each) > 1 else np.nan, len(each) - 1
        centre = each.mean()
    else:
        words = f"{len(old)} and {len(new)}"
        parts = [side.var() / len(side) if len(side) > 1 else np.nan for side in (old, new)]
        error, centre = np.sqrt(sum(parts)), new.mean() - old.mean()
        weights = sum(part**2 / (len(side) - 1) for part, side in zip(parts, (old, new), strict=True) if part)
        freedom = sum(parts) ** 2 / weights if weights else np.nan
    half = student.ppf((1 + LEVEL) / 2, freedom) * error if freedom > 0 else np.nan
    return float(centre), float(centre - half), float(centre + half), words


def _verdicts(old: Path, new: Path) -> pd.DataFrame:
    """Return the claims whose verdict or value differs, with both sides."""
    sides = []
    for results in (old, new):
        frames = [
            _table(path, ("id", "verdict", "value"), ("value",)).assign(study=path.parent.name)
            for path in sorted(results.glob("*/claims.csv"))
        ]
        empty = pd.DataFrame(columns=["study", "id", "verdict", "value"])
        sides.append(pd.concat(frames)[empty.columns] if frames else empty)
    both = sides[0].merge(sides[1], on=["study", "id"], how="outer", suffixes=("_old", "_new"), sort=False)
    both = both.fillna({"verdict_old": ABSENT, "verdict_new": ABSENT})
    values = both[["value_old", "value_new"]].astype(float)
    changed = values["value_old"].ne(values["value_new"]) & values.notna().any(axis=1)
    return both[changed | both["verdict_old"].ne(both["verdict_new"])].reset_index(drop=True)


def in_words(comparison: Comparison) -> str:
    """Return one line on what differs, for a terminal."""
    if comparison.same:
        return "nothing differs"
    counts = {
        "settings": len(comparison.settings),
        "verdicts or values of claims": len(comparison.verdicts),
        "losses and accuracies": len(comparison.values),
        "measurements of layers": len(comparison.layers),
        "files of runs": len(comparison.runs),
    }
    return "differ: " + ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def comparison_page(comparison: Comparison, old: Path, new: Path, figures: Mapping[str, bytes]) -> str:
    """Return one HTML page of a comparison; `figures` are pictures (PNG) by what they show."""
    from base64 import b64encode

    pictures = [
        f'<h2>{escape(title)}</h2>\n<img alt="{escape(title)}" style="max-width: 100%" '
        f'src="data:image/png;base64,{b64encode(content).decode()}">'
        for title, content in figures.items()
    ]
    introduction = (
        f"Old: {old}. New: {new}. Differences are new minus old, with 95 % intervals over seeds (Student's "
        "t); what is the same in both is not listed."
    )
    if comparison.same:
        introduction = f"{old} and {new} hold the same runs, measurements and verdicts."
    return page(
        "Comparison of two results",
        introduction,
        [
            section("Settings", "What decides the runs, by key.", comparison.settings),
            section("Verdicts", "Claims of the papers whose verdict or value differs.", comparison.verdicts),
            section("Losses and accuracies", "Of the trained networks; means over seeds.", comparison.values),
            *pictures,
            section("Layers", "What the studies measured, at the last epoch.", comparison.layers),
            section("Files of runs", "Weights and final values by checksum.", comparison.runs),
        ],
    )


def overlaid_figures(comparison: Comparison, old: Path, new: Path) -> dict[str, bytes]:
    """Draw what differs in one picture each: learning curves of experiments, and quantities by layer.

    The old results are dashed, the new ones solid; bands are one standard deviation over seeds.
    """
    from anatomy.reporting import plotting

    sides = {"old": (old, "--"), "new": (new, "-")}
    both = _experiments(old) & _experiments(new)
    figures = {}
    for name in sorted(both & {*comparison.values["experiment"]}):
        figure, axes = _axes()
        for side, (results, line) in sides.items():
            path = results / "runs" / name / "training.csv"
            training = _table(path, ("epoch", *ACCURACIES), ("epoch", *ACCURACIES))
            for colour, quantity in enumerate(ACCURACIES):
                curve = training.groupby("epoch")[quantity].agg(["mean", "std"]).dropna(subset="mean")
                _draw(axes, curve, f"{quantity.replace('_', ' ')}, {side}", colour, line)
        plotting.label_epochs(axes)
        figures[f"{name}: accuracy over epochs"] = _png(figure, "accuracy")
    layers = {side: _layers(results) for side, (results, _) in sides.items()}
    keys = ["study", "experiment", "quantity", "epoch"]
    for key in comparison.layers[keys].drop_duplicates().itertuples(index=False):
        parts = {side: frame[(frame[keys] == list(key)).all(axis=1)] for side, frame in layers.items()}
        if any(part.empty for part in parts.values()):
            continue
        figure, axes = _axes()
        for side, part in parts.items():
            _draw(axes, part.groupby("position")["value"].agg(["mean", "std"]), side, 0, sides[side][1])
        axes.set_xlabel("layer")
        when = f", epoch {key.epoch}" if key.epoch else ""
        figures[f"{key.study}, {key.experiment}: {key.quantity} by layer{when}"] = _png(figure, key.quantity)
    return figures


def _axes() -> tuple[Any, Any]:
    import matplotlib.pyplot as plt

    from anatomy.reporting import plotting

    return plt.subplots(figsize=(plotting.PAGE_WIDTH, 2.6))


def _draw(axes: Any, curve: pd.DataFrame, words: str, colour: int, line: str) -> None:
    """Draw mean and band over the index of a curve; points where a line alone would not show them."""
    from anatomy.reporting import plotting

    curve = curve.rename_axis("epoch").reset_index()
    marker = "." if len(curve) < 20 else None
    style = {"color": plotting.PALETTE[colour], "linestyle": line, "marker": marker}
    plotting.plot_mean(axes, curve, label=words, **style)


def _experiments(results: Path) -> set[str]:
    return {path.parent.name for path in (results / "runs").glob("*/training.csv")}


def _png(figure: Any, quantity: str) -> bytes:
    import matplotlib.pyplot as plt

    (axes,) = figure.axes
    axes.set_ylabel(quantity)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    content = BytesIO()
    figure.savefig(content, format="png", dpi=120, bbox_inches="tight")
    plt.close(figure)
    return content.getvalue()
