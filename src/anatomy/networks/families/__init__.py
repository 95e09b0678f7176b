"""Families of networks, one module each: all that the engine knows of a network by its name.

A module begins with literals, which are read without importing it:

`NAMES`: the names of its networks with their labels in figures; or names alone, which are labels then.
`PREFIX`, where another library has the names: what comes before them.
`LEAST_WIDTH`: networks can be narrowed and widened, down to this factor; without it their width is 1.
`LEAST_SIDE`: pixels along a side that images have at least, as of smaller ones nothing is left at some layer;
without it they may have any size, or it is not known.
`LINEAR`, `PUBLISHED`, `ALWAYS_NORMAL`: how weights are drawn, see `networks.initialisation`; without `LINEAR`
the network draws its own, in torch's global random stream, when it is built.
`OPTIONS`: what the key `options` may have, by name, as parts of a schema with defaults; `shapes` is true of
those on which shapes of weights depend.
`DROPOUT = True`: there is a form with the dropout that the key of this name says.
`POINTS = True`: inputs may be points (d,), not only images; so there are no convolutions.

It has either `LAYOUTS`, a `layouts.Layout` for each name, and imports no torch, or
`build(architecture, classes, input_shape, width)`, which returns a network on the current device; it has an
argument for each of the options, and `dropout`, if the family has them.
"""
