"""Benchmarks of the three later studies can be run: at their smallest sizes, and with settings at full."""

import pytest
import torch

import curvature_rows
from measure import Options
from run import measured

QUICK = Options(rounds=1, quick=True)


@pytest.fixture(autouse=True)
def threads():
    """Benchmarks decide how many threads torch has."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("rotation", 2),
        ("invariance", 1),
        ("invariance-cost", 2),
        ("subspaces", 5),
        ("curvature-training", 2),
        ("curvature-products", 4),
    ],
)
def test_rows_can_be_tried(name, rows):
    found = measured(name, QUICK)
    assert len(found) == len({row.name for row in found}) == rows
    assert all(value > 0 for row in found for value in row.values)


@pytest.mark.parametrize("permuted", [False, True])
def test_runs_of_the_authors_length_are_allowed(permuted):
    run = curvature_rows.points_run(curvature_rows.RANDOM, 100, permuted)
    assert sum(own.numel() for own in run.network.parameters()) == 10_703


def test_digits_have_the_authors_network():
    objective = curvature_rows.objective_of(curvature_rows.digits_run(1))
    assert (objective.size, objective.count) == (7203, 450)


@pytest.mark.parametrize(
    "action", [curvature_rows.top_and_alignments, curvature_rows.by_lapack, curvature_rows.values_by_lapack]
)
def test_the_cost_of_a_trained_network_is_measured(action):
    seconds, peak = curvature_rows.cost_of(action, curvature_rows.points_run, 2, 8)
    assert seconds > 0 and 0.1 < peak < 100
