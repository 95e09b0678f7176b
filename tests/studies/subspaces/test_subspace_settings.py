"""What the configuration may not ask of this study, refused before any job."""

import pytest
import yaml
from configuration.configuration_examples import SCHEMA
from conftest import ROOT
from snakemake.utils import update_config

from anatomy.configuration.resolve import resolve
from anatomy.runtime.errors import InputError

CURVE = {"experiments": {"subspaces-curve": {"like": "subspaces-standard", "subspace": {"kind": "bezier"}}}}


def resolved(changes):
    """The default configuration of this study with changes over it."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    # It measures barriers of one of the other's.
    for study in ("arrangements", "subspaces"):
        update_config(config, yaml.safe_load((ROOT / f"config/studies/{study}.yaml").read_text()))
    update_config(config, changes)
    return resolve(config, SCHEMA)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"experiments": {"subspaces-line": {"subspaces": {"points": 10}}}},
            r"experiments\.subspaces-line\.subspaces\.points: 10 is even",
        ),
        (
            {"experiments": {"subspaces-swa": {"subspaces": {"average": [6]}}}},
            r"subspaces-swa\.subspaces\.average: one epoch is listed",
        ),
        (
            {"experiments": {"subspaces-swa": {"snapshots": {"weights": "convolutions"}}}},
            r"subspaces-swa\.subspaces\.average: snapshots hold convolutions only; set `weights: all`",
        ),
        (
            {"experiments": {"subspaces-swa": {"subspaces": {"average": [3, 6]}}}},
            r"subspaces-swa.*average.*3",
        ),
        (
            {"experiments": {"subspaces-swa": {"subspace": {"kind": "line"}}}},
            r"average: the experiment trains a subspace, whose mid-point is evaluated",
        ),
        (
            {"figures": {"subspaces_swa": {"experiments": ["subspaces-standard"]}}},
            "none averages snapshots",
        ),
        (
            {"figures": {"subspaces_figure_4": {"experiments": ["subspaces-standard"]}}},
            "none trains a line or a curve",
        ),
        (
            {"figures": {"subspaces_figure_4": {"experiments": ["subspaces-line", "subspaces-simplex3"]}}},
            "'subspaces-simplex3' trains a simplex, which has no alpha",
        ),
        (
            {"figures": {"subspaces_figure_5": {"experiments": ["subspaces-standard"]}}},
            "none trains a line or a simplex",
        ),
        (
            {**CURVE, "figures": {"subspaces_figure_5": {"experiments": ["subspaces-curve"]}}},
            "'subspaces-curve' trains a curve",
        ),
        (
            {"figures": {"subspaces_ends": {"experiments": ["subspaces-standard"]}}},
            "'subspaces-standard' trains no subspace and has no ends",
        ),
        (
            {"experiments": {"subspaces-line": {"subspaces": {"plane": 5}}}},
            r"subspaces-line\.subspaces\.plane: a plane goes through three corners; train a curve",
        ),
        (
            {"experiments": {"subspaces-simplex3": {"subspaces": {"plane": 1}}}},
            r"plane: a grid of one point is none",
        ),
        (
            {"experiments": {"subspaces-standard": {"subspaces": {"between": ["swag"]}}}},
            r"between: no networks are averaged; list their epochs in `average`",
        ),
        (
            {"experiments": {"subspaces-line": {"subspaces": {"barrier": 5}}}},
            r"subspaces-line\.subspaces\.barrier: expected single networks of two seeds or more",
        ),
        (
            {"experiments": {"subspaces-standard": {"subspaces": {"barrier": 4}}}},
            r"barrier: 4 points; expected an odd number from 3 on",
        ),
        (
            {"figures": {"subspaces_plane": {"experiment": "subspaces-simplex3", "seed": 7}}},
            r"'subspaces-simplex3' has no seed 7",
        ),
        (
            {"figures": {"subspaces_corruptions": {"experiments": ["subspaces-line"]}}},
            r"'subspaces-line' has no `corruptions` in its `subspaces`; add them",
        ),
        (
            {"figures": {"subspaces_plane": {"experiment": "subspaces-line"}}},
            r"'subspaces-line' evaluates no plane; set `subspaces: \{plane: 9\}` in it",
        ),
        (
            {"experiments": {"subspaces-noise": {"validation_fraction": 0.2}}},
            r"'subspaces-noise' holds images out, and the best epoch is that on the test images",
        ),
        (
            {"experiments": {"subspaces-standard": {"subspaces": {"evaluated": False}}}},
            r"subspaces_figure_4\.experiments: 'subspaces-standard' is not evaluated; remove `evaluated",
        ),
        (
            {"figures": {"subspaces_barrier": {"experiments": ["subspaces-standard"]}}},
            r"'subspaces-standard' measures no barrier",
        ),
        (
            {"figures": {"subspaces_label_noise": {"experiments": ["subspaces-standard", "subspaces-line"]}}},
            "all have the same label noise",
        ),
    ],
)
def test_it_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        resolved(changes)


def test_the_default_run_is_not():
    assert "subspaces-line" in resolved({}).measured["subspaces"]
