"""Which rows the tables of the study have."""

from anatomy.reporting.grids import RUN, Grid

_OF_KIND = (*RUN, "kind")

GRIDS = {
    "units": Grid(("aggregation", "class", ("position", "unit")), within=_OF_KIND),
    "layer_invariance": Grid(("aggregation", "kind", "position"), alike=("aggregation", "kind", "position")),
    "network_invariance": Grid(("aggregation", "kind"), alike=("aggregation", "kind")),
    "outputs": Grid(("class", "unit"), may_be_empty=True),
    "scores": Grid(("part", "rotated"), alike=("part", "rotated")),
    "angles": Grid(("class", "angle"), may_be_empty=True),
    "epochs": Grid(("epoch", "aggregation", "position"), within=_OF_KIND, may_be_empty=True),
    "transformations": Grid(("transformation", "aggregation", "position"), may_be_empty=True),
}
