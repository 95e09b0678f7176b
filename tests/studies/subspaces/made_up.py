"""What the walk over all studies draws, judges and tabulates of this one, all of it made up."""

import io

import pandas as pd

from anatomy.reporting.claims import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED
from anatomy.reporting.kinds import kind_of
from anatomy.studies.subspaces import tables as made
from anatomy.studies.subspaces.evaluation import MEASURES
from anatomy.studies.subspaces.evidence import SubspaceEvidence

SEEDS = (0, 1, 2)
ALPHAS = (0.0, 0.2, 0.5, 0.8, 1.0)
# Values by seed: a clear one, and one whose sign is not.
FLAT, SPREAD = (0.0, 0.001, -0.001), (0.0, 0.2, -0.2)


def as_read(rows):
    """A table as it comes from its file."""
    return pd.read_csv(io.StringIO(pd.DataFrame(rows).to_csv(index=False)))


def evaluations(
    kind="line", seeds=SEEDS, shift=FLAT, middle=0.9, ends=0.85, near=0.91, ece=0.05, average=None, **changes
):
    """The table of a line or curve, a simplex or single networks; `shift` is added to accuracies by seed.

    `near` is the accuracy of ensembles of two points; `disagreement` that of the ends.
    """
    rows = []
    corners = {"standard": 1, "line": 2}.get(kind, 3)
    disagreement = changes.pop("disagreement", 0.1)
    common = {
        "kind": kind,
        "corners": corners,
        "layerwise": False,
        "beta": float(kind != "standard"),
        **{"label_noise": 0.0, "dropout": 0.0, "smoothing": 0.0},
        **changes,
    }
    for seed, own in zip(seeds, shift, strict=False):
        run = {**dict.fromkeys(MEASURES), "experiment": kind, "seed": seed, **common, "images": 100}
        run |= {
            "index": None,
            "combined": None,
            "members": 1,
            "loss": 0.3,
            "brier": 0.2,
            "adaptive_ece": 0.05,
        }

        def add(evaluation, accuracy, run=run, own=own, **more):
            rows.append(
                {**run, "evaluation": evaluation, "accuracy": accuracy + own, "ece": ece + own, **more}
            )

        add("network", middle, alpha=None if kind in ("standard", "simplex") else 0.5)
        if kind in ("line", "bezier"):
            for alpha in (a for a in ALPHAS if a != 0.5):
                add("point", ends, alpha=alpha)
            for alpha in (a for a in ALPHAS if a < 0.5):
                for combined in ("logits", "probabilities"):
                    pair = {"members": 2, "total_variation": 0.1, "disagreement": disagreement + own / 10}
                    add("pair", near, alpha=alpha, combined=combined, **pair)
        if average is not None:
            for index in (6, 8):
                add("snapshot", ends, index=index)
            add("average", average)
            add("endpoints", near, combined="logits", members=2, disagreement=disagreement)
            add(
                "snapshots",
                near,
                combined="logits",
                members=2,
                total_variation=0.1,
                disagreement=disagreement,
            )
        if kind == "simplex":
            for index in range(3):
                add("corner", ends, index=index)
            add("corners", near, combined="logits", members=3, total_variation=0.1, disagreement=disagreement)
    return as_read(rows)


def ensembles(seeds=SEEDS, two=0.92, disagreement=0.1, kind="standard"):
    """The table of ensembles of seeds: each network, and two of them."""
    rows = [{"seeds": str(seed), "members": 1, "combined": None, "accuracy": 0.9} for seed in seeds]
    for pair in ("0 1", "0 2", "1 2"):
        if {*map(int, pair.split())} <= {*seeds}:
            for combined in ("logits", "probabilities"):
                rows.append({"seeds": pair, "members": 2, "combined": combined, "accuracy": two})
    usual = {"experiment": kind, "kind": kind, "loss": 0.3, "brier": 0.2, "ece": 0.04, "adaptive_ece": 0.04}
    return as_read([{**usual, **row, "disagreement": disagreement} for row in rows])


def ends(cosine=1e-5, spread=(1.0, 1.1, 0.9), seeds=SEEDS):
    """Rows of measurements of ends: two layers and all of them, at two epochs."""
    rows = []
    for seed, factor in zip(seeds, spread, strict=False):
        for epoch in (0, 5):
            for position, layer in ((1, "conv1"), (2, "fc"), (None, None)):
                value = {"distance": 50.0 + seed, "squared_cosine": cosine * factor, "norm": 40.0}
                place = {"seed": seed, "epoch": epoch, "position": position, "layer": layer}
                rows.append({"experiment": "line", **place, **value})
    return pd.DataFrame(rows)


def training(kind="line", accuracy=0.9, best=0.9, seconds=FLAT, factor=1.0):
    """The table of the training of three seeds in two epochs, the first of which is better."""
    rows = [
        {"seed": seed, "epoch": epoch, "validation_accuracy": best - (epoch - 1) / 10, "seconds": time}
        for seed, own in zip(SEEDS, seconds, strict=True)
        for epoch, time in ((1, 60.0 * factor * (1 + own)), (2, 40.0 * factor * (1 + own)))
    ]
    return pd.DataFrame(rows).assign(experiment=kind, train_accuracy=accuracy)


def evidence(kind="line", name=None, accuracy=0.9, **tables):
    """Evidence of an experiment that learned, with these tables."""
    tables = {"training": training(kind, accuracy), **tables}
    return SubspaceEvidence(name or kind, kind, "digits", 0.1, 1, tables)


def line(times=None, **changes):
    more = {} if times is None else {"training": times}
    tables = {"evaluations": evaluations("line", **changes), "ensembles": ensembles(kind="line"), **more}
    return evidence("line", f"line {changes.get('label_noise', 0):g}", **tables)


def standard(two=0.92, disagreement=0.1, best=0.9, **changes):
    tables = {"evaluations": evaluations("standard", **changes), "training": training("standard", best=best)}
    name = f"standard {changes.get('label_noise', 0):g}"
    return evidence("standard", name, ensembles=ensembles(two=two, disagreement=disagreement), **tables)


def noisy(standards=(0.85, 0.85), lines=(0.9, 0.9), best=0.85, shift=FLAT):
    """A line and single networks, with these accuracies at two fractions of label noise."""
    found = [standard(), line()]
    for fraction, other, own in zip((0.2, 0.5), standards, lines, strict=True):
        found.append(standard(middle=other, best=best, label_noise=fraction))
        found.append(line(middle=own, label_noise=fraction, shift=shift))
    return found


def kept_apart(cosine, spread=(1.0, 1.1, 0.9), beta=1.0, disagreement=0.1, shift=FLAT):
    """A line, and how far apart its ends are."""
    table = evaluations("line", beta=beta, disagreement=disagreement, shift=shift)
    geometry = made.geometry(ends(cosine, spread))
    return evidence("line", f"beta {beta:g}", evaluations=table, geometry=geometry)


def claim_cases():
    """Claims, each with evidence by figure and the verdict on it."""
    four, calibration, apart = "subspaces_figure_4", "subspaces_calibration", "subspaces_ends"
    name = "mid-point-above-the-ends"
    yield name, {four: line()}, SUPPORTED
    yield name, {four: line(ends=0.95)}, NOT_SUPPORTED
    uneven = evaluations("line")
    ends_ = uneven["evaluation"] == "point"
    uneven.loc[ends_, "accuracy"] = 0.9 + uneven.loc[ends_, "seed"].map({0: 0.1, 1: -0.1, 2: 0.0})
    yield name, {four: evidence("line", evaluations=uneven)}, INCONCLUSIVE
    name = "mid-point-above-standard-training"
    yield name, {four: [standard(middle=0.85), line()]}, SUPPORTED
    yield name, {four: [standard(middle=0.95), line()]}, NOT_SUPPORTED
    yield name, {four: [standard(), line(shift=SPREAD)]}, INCONCLUSIVE
    name = "mid-point-better-calibrated"
    yield name, {calibration: [standard(ece=0.1), line()]}, SUPPORTED
    yield name, {calibration: [standard(ece=0.01), line()]}, NOT_SUPPORTED
    yield name, {calibration: [standard(), line(shift=SPREAD)]}, INCONCLUSIVE
    name = "every-point-accurate"
    yield name, {four: [standard(), line(ends=0.895)]}, SUPPORTED
    yield name, {four: [standard(), line(ends=0.5)]}, NOT_SUPPORTED
    yield name, {four: [standard(), line(ends=0.88, shift=SPREAD)]}, INCONCLUSIVE
    name = "two-points-approach-two-networks"
    yield name, {four: [standard(), line(near=0.92)]}, SUPPORTED
    yield name, {four: [standard(), line(near=0.9)]}, NOT_SUPPORTED
    yield name, {four: [standard(), line(near=0.91, shift=SPREAD)]}, INCONCLUSIVE
    name = "beta-keeps-ends-apart"
    yield name, {apart: [kept_apart(1e-6), kept_apart(1e-2, beta=0.0)]}, SUPPORTED
    yield name, {apart: [kept_apart(1e-6), kept_apart(2e-6, beta=0.0)]}, NOT_SUPPORTED
    uneven = kept_apart(1e-5, (1.0, 1000.0, 0.001), beta=0.0)
    yield name, {apart: [kept_apart(1e-6), uneven]}, INCONCLUSIVE
    name = "ends-as-diverse-as-independent-networks"
    yield name, {four: standard(), apart: kept_apart(1e-6, disagreement=0.09)}, SUPPORTED
    yield name, {four: standard(), apart: kept_apart(1e-6, disagreement=0.01)}, NOT_SUPPORTED
    yield name, {four: standard(), apart: kept_apart(1e-6, disagreement=0.05, shift=SPREAD)}, INCONCLUSIVE

    name = "mid-point-above-averaged-weights"
    yield name, {"subspaces_swa": [standard(average=0.85), line()]}, SUPPORTED
    yield name, {"subspaces_swa": [standard(average=0.95), line()]}, NOT_SUPPORTED
    yield name, {"subspaces_swa": [standard(average=0.9), line(shift=SPREAD)]}, INCONCLUSIVE

    name, noise = "mid-point-robust-to-label-noise", "subspaces_label_noise"
    yield name, {noise: noisy()}, SUPPORTED
    yield name, {noise: noisy(lines=(0.9, 0.8))}, NOT_SUPPORTED
    yield name, {noise: noisy(shift=SPREAD)}, INCONCLUSIVE
    name = "mid-point-above-early-stopping"
    yield name, {noise: noisy()}, SUPPORTED
    yield name, {noise: noisy(best=0.95)}, NOT_SUPPORTED
    yield name, {noise: noisy(shift=SPREAD)}, INCONCLUSIVE
    name = "cost-of-one-network"
    yield name, {four: [standard(), line(training(factor=1.1))]}, SUPPORTED
    yield name, {four: [standard(), line(training(factor=2.1))]}, NOT_SUPPORTED
    uneven = training(seconds=(0.0, 1.0, -0.5))
    yield name, {four: [standard(), line(uneven)]}, INCONCLUSIVE


LABELS = ["net, digits", "net, digits, line", "net, digits, simplex of 3"]
KINDS = {
    "accuracy_over_alpha": ("standard", "line"),
    "calibration_over_alpha": ("standard", "line"),
    "accuracy_over_corners": ("standard", "line", "simplex"),
    "averages": ("standard", "line"),
    "distance_of_ends": ("line", "simplex"),
    "accuracy_over_noise": ("standard", "line", "standard"),
    "plane_of_corners": ("simplex",),
    "barrier_of_seeds": ("standard",),
    "accuracy_under_corruption": ("standard", "line"),
}


def options(kind):
    """Options of a figure of this kind."""
    found = {"labels": LABELS[: len(KINDS[kind])]}
    own = {"averages": {"schedules": ["swa_constant", "cosine"]}, "plane_of_corners": {"seed": 0}}
    return {**found, **own.get(kind, {})}


def tables(kind):
    """Tables of as many experiments as the options have labels, by name."""
    found = {
        "evaluations_summary": [
            made.summary(evaluations(own, average=0.92 if own == "standard" else None)) for own in KINDS[kind]
        ],
        "ensembles": [ensembles(kind=own) for own in KINDS[kind]],
        "geometry": [made.geometry(ends())] * len(KINDS[kind]),
        "layers": [made.layers(ends())] * len(KINDS[kind]),
        "evaluations": [
            evaluations(own, label_noise=index / 4, dropout=0.1 * (index == 2))
            for index, own in enumerate(KINDS[kind])
        ],
        "training": [training(own) for own in KINDS[kind]],
        "plane": [plane()],
        "barrier": [barrier()],
        "corruptions": [corruptions(own) for own in KINDS[kind]],
    }
    return {name: found[name] for name in kind_of(kind).tables}


def plane():
    """The table of a plane: three corners and nine points around them."""
    places = [(0, 0), (1, 0), (0.4, 0.8), *((x, y) for x in (-1, 0.5, 2) for y in (-1, 0.4, 2))]
    rows = [
        {"seed": seed, "index": index, "x": x, "y": y, "accuracy": 0.9 - abs(x * y) / 9, "loss": abs(x)}
        for seed in (0, 1)
        for index, (x, y) in enumerate(places)
    ]
    return pd.DataFrame(rows).assign(experiment="simplex", ece=0.1)


def barrier():
    """The table of lines from the first seed to two others."""
    rows = [
        {"other": other, "matched": own, "alpha": alpha, "accuracy": 0.9 - drop * (1 + own), "loss": drop}
        for other in (1, 2)
        for own in (False, True)
        for alpha, drop in ((0.0, 0.0), (0.5, 0.3 + other / 10), (1.0, 0.0))
    ]
    return pd.DataFrame(rows).assign(experiment="standard", seed=0)


def corruptions(kind):
    """The table of two types and severities of corruption, in two seeds; of a line also of two points."""
    rows = [
        {"seed": seed, "type": name, "severity": severity, "evaluation": own, "combined": combined}
        for seed in (0, 1)
        for name in ("fog", "snow")
        for severity in (1, 3)
        for own, combined in (("network", None), *[("pair", "logits")] * (kind == "line"))
    ]
    table = pd.DataFrame(rows).assign(experiment=kind, kind=kind, ece=0.1)
    return table.assign(accuracy=0.8 - table["severity"] / 10 + table["seed"] / 50)


def layers():
    """The table `layers.csv` of an experiment."""
    return made.layers(ends())
