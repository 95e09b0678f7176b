"""Benchmarks of the three later studies can be run: at their smallest sizes, and with settings at full."""

import pytest
import torch

import curvature_rows
from measure import Options
from run import measured

QUICK = Options(rounds=1, quick=True)


@pytest.mark.parametrize(
    ("name", "rows"), [("rotation", 2), ("invariance", 3), ("subspaces", 5), ("curvature-training", 2)]
)
def test_rows_can_be_tried(name, rows):
    found = measured(name, QUICK)
    assert len(found) == len({row.name for row in found}) == rows
    assert all(value > 0 for row in found for value in row.values)


@pytest.mark.parametrize("permuted", [False, True])
def test_runs_of_the_authors_length_are_allowed(permuted):
    run = curvature_rows.points_run(curvature_rows.RANDOM, 100, permuted)
    assert sum(own.numel() for own in run.network.parameters()) == 10_703


def test_the_cost_of_a_trained_network_is_measured():
    threads = torch.get_num_threads()
    seconds, peak = curvature_rows.cost_of(curvature_rows.top_and_alignments, 2, 8)
    torch.set_num_threads(threads)
    assert seconds > 0 and 0.1 < peak < 100
