"""What the walk over all studies draws, judges and tabulates of this one, all of it made up."""

from itertools import product

import pandas as pd
from studies.curvature.made_up_runs import runs

from anatomy.reporting.claims import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED
from anatomy.reporting.kinds import kind_of
from anatomy.studies.curvature.evidence import CurvatureEvidence
from anatomy.studies.curvature.tables import TABLES

_EXPERIMENTS = {
    "curvature_line": 1,
    "curvature_maps": 2,
    "curvature_minima": 3,
    "curvature_alignments": 3,
    "curvature_margins": 2,
    "curvature_embedding": 2,
    "curvature_seeds": 3,
    "curvature_training": 2,
    "curvature_learning": 2,
    "curvature_layers": 1,
}


def options(kind):
    """Options of a figure of this kind."""
    labels = {"labels": [f"network {number}" for number in range(_EXPERIMENTS[kind])]}
    chosen = {"seed": 1, "directions": 3}
    return labels | {key: own for key, own in chosen.items() if key in kind_of(kind).takes}


def tables(kind):
    """Tables of as many experiments as the options have labels, by name."""
    dimensions = 1 if kind == "curvature_line" else 2
    made = runs(dimensions=dimensions)
    others = {"training": training, "arrangements/layers": arrangements}
    return {name: [(others | TABLES)[name](made)] * _EXPERIMENTS[kind] for name in kind_of(kind).tables}


def training(made):
    """Loss and accuracy of runs over four epochs."""
    epochs = {"epoch": [1, 10, 100, 1000]}
    parts = {"train": 1.0, "validation": 1.5}
    columns = {f"{part}_loss": [own, own / 2, own / 5, own / 9] for part, own in parts.items()}
    columns |= {f"{part}_accuracy": [0.4, 0.6, 0.9, 1 - own / 10] for part, own in parts.items()}
    return pd.concat(pd.DataFrame({**run.names, **epochs, **columns}) for run in made)


def arrangements(made):
    """n_l at two epochs and drops to two resets of the layers `fc1` and `fc2`."""
    rows = [
        {**run.names, "epoch": epoch, "layer": layer, "quantity": quantity, "value": value + epoch / 100}
        for run in made
        for layer, value in (("fc1", 0.6), ("fc2", 0.2))
        for quantity in ("n_l", "drop")
        for epoch in (0, 5)
    ]
    return pd.DataFrame(rows)


def evidence(name="gauss", **numbers):
    """Evidence of an experiment with chosen numbers."""
    made = runs(name, **numbers)
    found = {table: make(made) for table, make in TABLES.items()}
    rows = [
        {"experiment": name, "seed": run.facts["seed"], "epoch": 5, "train_accuracy": 1.0} for run in made
    ]
    found["training"] = pd.DataFrame(rows)
    return CurvatureEvidence(name, name, "points", 1 / 3, 2, found)


def _three(**numbers):
    """Normal, adversarial and large-norm training; a number has one value, or a list of seeds, for each."""
    names = ("normal", "adversarial", "large")
    return [
        evidence(name, **{key: values[place] for key, values in numbers.items()})
        for place, name in enumerate(names)
    ]


def _two(**numbers):
    return _three(**{key: [*values, values[0]] for key, values in numbers.items()})[:2]


SPREAD = [0.5, 3.0, 0.4, 2.5, 1.0]
ORDERED = {"supported": (4.0, 0.1, 1.0), "not": (1.0, 4.0, 0.1), "unclear": (SPREAD, 0.1, 1.0)}

# By claim: the figure, and evidence that supports it, that opposes it, and that does neither.
_CASES = {
    "outliers-are-classes-minus-one": (
        "curvature_figure_2",
        *(lambda n=n: evidence(outliers=n) for n in ([2] * 5, [5] * 5, [2, 3, 2, 3, 3])),
    ),
    "outliers-follow-classes-elsewhere": (
        "curvature_figure_additional",
        *(lambda n=n: _two(outliers=(2, n)) for n in (2, 4, [2, 3, 2, 3, 3])),
    ),
    "alignment-marks-one-section": (
        "curvature_figure_2",
        lambda: evidence(jump=0.9),
        lambda: evidence(jump=0.06, random_jump=0.4),
        lambda: evidence(jump=[0.1, 0.5, 0.1, 0.6, 0.2], random_jump=0.3),
    ),
    "alignments-survive-reparametrisation": (
        "curvature_figure_2",
        *(lambda c=c: evidence(correlation=c) for c in ([0.99] * 5, [0.3] * 5, [0.99, 0.8, 0.95, 0.99, 0.7])),
    ),
    "sharpness-falls": (
        "curvature_figure_3",
        *(lambda s=s: _three(sharpest=s) for s in ORDERED.values()),
    ),
    "adversarial-generalises-worst": (
        "curvature_figure_3",
        lambda: _three(test_accuracy=(0.95, 0.8, 0.95)),
        lambda: _three(test_accuracy=(0.7, 0.8, 0.95)),
        lambda: _three(test_accuracy=([0.7, 0.95, 0.75, 0.9, 0.8], 0.8, 0.95)),
    ),
    "more-outliers-for-complex-boundaries": (
        "curvature_figure_3",
        lambda: _three(outliers=(2, 4, 1)),
        lambda: _three(outliers=(5, 3, 1)),
        lambda: _three(outliers=([2, 4, 2, 4, 3], 3, 1)),
    ),
    "measure-grows-with-complexity": (
        "curvature_figure_4",
        lambda: _three(measure=(0.02, 0.1, 0.01)),
        lambda: _three(measure=(0.2, 0.1, 0.01)),
        lambda: _three(measure=([0.02, 0.4, 0.1, 0.3, 0.05], 0.1, 0.01)),
    ),
    "wide-minimum-has-larger-margin": (
        "curvature_figure_5",
        lambda: _two(margin=(0.3, 0.6), nearest=(0.2, 0.4)),
        lambda: _two(margin=(0.3, 0.6), nearest=(0.4, 0.2)),
        lambda: _two(margin=(0.3, [0.1, 0.9, 0.2, 0.8, 0.3]), nearest=(0.2, 0.4)),
    ),
    "representative-lies-on-the-boundary": (
        "curvature_figure_5",
        lambda: _two(on_boundary=(True, True)),
        lambda: _two(on_boundary=(False, False)),
        lambda: _two(on_boundary=(True, [True, False, True, False, False])),
    ),
    "wide-minimum-has-smaller-measure": (
        "curvature_figure_5",
        lambda: _two(measure=(0.1, 0.02)),
        lambda: _two(measure=(0.02, 0.1)),
        lambda: _two(measure=(0.1, [0.02, 0.4, 0.1, 0.3, 0.05])),
    ),
    "seeds-agree-on-the-boundary": (
        "curvature_figure_2",
        lambda: evidence(agreeing=True),
        lambda: _agreement(0.1, 0.6),
        lambda: _agreement(None, 0.5),
    ),
}


def _agreement(direction, random):
    """Evidence in which alignments of seeds correlate so; None for very different pairs of seeds."""
    found = evidence()
    found.tables["agreement"] = table = found.tables["agreement"].dropna().reset_index(drop=True)
    along = pd.Series(range(len(table))) % 16 / 15 if direction is None else direction
    table["correlation"] = along
    table.loc[table["direction"] == "random", "correlation"] = random
    return found


def claim_cases():
    """Claims, each with evidence by figure and the verdict on it."""
    verdicts = (SUPPORTED, NOT_SUPPORTED, INCONCLUSIVE)
    for (name, (figure, *cases)), place in product(_CASES.items(), range(3)):
        yield name, {figure: cases[place]()}, verdicts[place]


def layers():
    """The table `layers.csv` of an experiment."""
    return TABLES["layers"](runs())
