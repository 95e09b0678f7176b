"""Which rows the tables of the study have; a run of which something was not measured has an empty one."""

from anatomy.reporting.grids import Grid

GRIDS = {
    "eigenvalues": Grid(("epoch", "index")),
    "generalisation": Grid(("epoch", "threshold")),
    # Test accuracy is that of the last epoch alone.
    "measures": Grid(("epoch", "quantity"), complete=False),
    "plane": Grid(("a", "b"), may_be_empty=True),
    "sections": Grid(("classes", "direction")),
    "margins": Grid(("seed",), within=("experiment",)),
    "reparametrisation": Grid(("index",)),
    "vectors": Grid(("parameter",)),
    "agreement": Grid(("other_seed", "direction")),
}
