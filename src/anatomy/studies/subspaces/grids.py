"""Which rows the tables of the study have."""

from anatomy.reporting.grids import Grid
from anatomy.studies.subspaces.tables import KEYS

GRIDS = {
    # What is evaluated of one seed is so of all, but for snapshots: a run may have stopped before others did.
    "evaluations": Grid(KEYS, complete=False, alike=("evaluation", "alpha", "combined")),
    "evaluations_summary": Grid((*KEYS, "quantity"), within=("experiment",), complete=False),
    "ensembles": Grid(("seeds", "combined"), within=("experiment",), complete=False),
    "geometry": Grid(("epoch",)),
    "barrier": Grid(("matched", "alpha"), within=("experiment", "seed", "other")),
    "plane": Grid(("index",), may_be_empty=True),
}
