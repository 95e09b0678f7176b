"""What the configuration may not ask of this study, refused before any job."""

import pytest
import yaml
from configuration.configuration_examples import SCHEMA
from conftest import ROOT
from snakemake.utils import update_config

from anatomy.configuration.resolve import resolve
from anatomy.runtime.errors import InputError


def resolved(changes):
    """The default configuration of this study with changes over it."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    update_config(config, yaml.safe_load((ROOT / "config/studies/subspaces.yaml").read_text()))
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
            {"experiments": {"subspaces-swa": {"subspaces": {"average": [9]}}}},
            r"subspaces-swa\.subspaces\.average: one epoch is listed",
        ),
        (
            {"experiments": {"subspaces-swa": {"snapshots": {"weights": "convolutions"}}}},
            r"subspaces-swa\.subspaces\.average: snapshots hold convolutions only; set `weights: all`",
        ),
        (
            {"experiments": {"subspaces-swa": {"subspaces": {"average": [7, 10]}}}},
            r"subspaces-swa.*average.*7",
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
            {"figures": {"subspaces_figure_5": {"experiments": ["subspaces-curve"]}}},
            "'subspaces-curve' trains a curve",
        ),
        (
            {"figures": {"subspaces_ends": {"experiments": ["subspaces-standard"]}}},
            "'subspaces-standard' trains no subspace and has no ends",
        ),
    ],
)
def test_it_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        resolved(changes)


def test_the_default_run_is_not():
    assert "subspaces-line" in resolved({}).measured["subspaces"]
