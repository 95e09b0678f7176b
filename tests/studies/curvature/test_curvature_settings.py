"""What the configuration may not ask of this study."""

import pytest
from configuration.configuration_examples import SCHEMA
from studies.test_all_studies import shipped

from anatomy.configuration.resolve import resolve
from anatomy.runtime.errors import InputError
from anatomy.runtime.schema import merge


def resolved(**experiment):
    config = merge(shipped("studies/curvature.yaml"), {"experiments": {"gauss-normal": experiment}})
    return resolve(config, SCHEMA)


@pytest.mark.parametrize(
    ("experiment", "message"),
    [
        (
            {"curvature": {"reparametrise": [0.2, 5, 2]}},
            r"gauss-normal\.curvature\.reparametrise: the product of 0\.2, 5, 2 is 2; expected 1",
        ),
        (
            {"curvature": {"epochs": [3]}, "snapshots": {"epochs": [3], "weights": "convolutions"}},
            r"experiments\.gauss-normal\.curvature\.epochs: the snapshot of epoch 3 has convolutions only",
        ),
        ({"curvature": {"epochs": [3]}}, r"curvature\.epochs.*3"),
        ({"curvature": {"eigenpairs": 0}}, r"curvature\.eigenpairs"),
        ({"curvature": {"spectrum": "all"}}, r"curvature\.spectrum.*none.*whole.*density"),
    ],
)
def test_what_is_refused(experiment, message):
    with pytest.raises(InputError, match=message):
        resolved(**experiment)


def test_the_end_of_a_run_needs_no_snapshot():
    changes = {"curvature": {"epochs": [1000]}, "snapshots": {"epochs": [], "weights": "convolutions"}}
    config = merge(shipped("studies/curvature.yaml"), {"experiments": {"checkerboard-normal": changes}})
    assert resolve(config, SCHEMA).experiments["checkerboard-wide"].curvature.epochs == (1000,)


def test_figures_of_a_seed_that_there_is_not():
    config = merge(shipped("studies/curvature.yaml"), {"figures": {"curvature_figure_2": {"seed": 7}}})
    message = r"figures\.curvature_figure_2\.seed: 7 is not a seed of .*: null switches the figure off"
    with pytest.raises(InputError, match=message):
        resolve(config, SCHEMA)


def test_what_only_starts_others_is_trained_and_not_measured():
    own = resolve(shipped("studies/curvature.yaml"), SCHEMA)
    assert {"gauss-random", "checkerboard-noisy", "digits-random"} <= own.experiments.keys()
    assert not {"gauss-random", "checkerboard-noisy"} & {*own.measured["curvature"]}
