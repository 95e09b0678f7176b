"""Projection statistics and re-initialisation of trained convolutional networks.

The science of the pipeline, importable on its own. Modules that need torch import it themselves, so
that statistics, tables and figures start without it.
"""

__version__ = "0.1.0"
