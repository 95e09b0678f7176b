"""What the walk over all studies draws, judges and tabulates of this one, all of it made up."""

import itertools

from studies.arrangements import figure_tables
from studies.arrangements.claim_cases import CASES, INCLUDING, WITHOUT_INTERVAL
from studies.arrangements.claim_tables import FALLING, experiment

from anatomy.reporting.claims import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED
from anatomy.reporting.kinds import kind_of
from anatomy.studies.arrangements.tables import layers_table

_OPTIONS = {
    "arrangement": {},
    "comparison": {"labels": ["a", "b"], "schedules": ["step", "smooth"]},
    "dynamics": {"labels": ["a"], "schedules": ["step"]},
    "first_layer": {"labels": ["a"], "positions": [2]},
    "heatmaps": {"labels": ["a"], "runs": 2},
    "histograms": {"labels": ["a"], "seed": 1, "stand_in": True},
}


def options(kind):
    """Options of a figure of this kind."""
    return _OPTIONS[kind]


def tables(kind):
    """Tables of as many experiments as the options have labels, by name."""
    cosines, n_l = figure_tables.cosine_tables()
    made = {
        "n_l_summary": figure_tables.n_l_tables(5)[1],
        "training_summary": figure_tables.training_summary(),
        "reinitialisation": figure_tables.reinitialisation_table(),
        "cosines": cosines,
        "n_l": n_l,
    }
    count = len(options(kind).get("labels", []))
    return {name: [made[name]] * count for name in kind_of(kind).tables}


def claim_cases():
    """Claims, each with evidence by figure and the verdict on it."""
    for name, supporting, opposing in CASES:
        yield name, supporting, SUPPORTED
        yield name, opposing, NOT_SUPPORTED
    for name, figures, _ in itertools.chain(INCLUDING, WITHOUT_INTERVAL):
        yield name, figures, INCONCLUSIVE


def layers():
    """The table `layers.csv` of an experiment."""
    evidence = experiment(drops=FALLING)
    return layers_table(evidence.tables["n_l"], evidence.tables["reinitialisation"])
