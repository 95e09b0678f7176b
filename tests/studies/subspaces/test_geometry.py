"""Distance and cosine of ends against plain numpy on the snapshots of a run that trains a subspace."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from studies.subspaces.subspace_runs import finished_run

from anatomy.checkpoints.safetensors_files import read_safetensors
from anatomy.runtime.errors import InputError
from anatomy.studies.subspaces.geometry import coordinates, grid_of_plane, of_products, rows_of_snapshot


def by_hand(weights):
    """RMS distance, mean squared cosine and RMS norm of flat weights of ends."""
    pairs = list(combinations(weights, 2))
    distance = np.sqrt(np.mean([((a - b) ** 2).sum() for a, b in pairs]))
    cosine = np.mean([(a @ b) ** 2 / (a @ a) / (b @ b) for a, b in pairs])
    return distance, cosine, np.sqrt(np.mean([a @ a for a in weights]))


@pytest.mark.parametrize(
    ("subspace", "ends"),
    [({"kind": "line"}, 2), ({"kind": "bezier"}, 2), ({"kind": "simplex", "corners": 3}, 3)],
)
def test_rows_of_a_snapshot(tmp_path, subspace, ends):
    run = finished_run(tmp_path, subspace=subspace)
    path = run / "snapshots" / "epoch=1.safetensors"
    rows = list(rows_of_snapshot(path, subspace["kind"] == "bezier"))
    arrays_, _ = read_safetensors(path)
    names = [name for name in arrays_ if name.startswith("corner=0.") and name.endswith(".weight")]
    own = [name.removeprefix("corner=0.") for name in names]
    assert [row["layer"] for row in rows[:-1]] == [name.removesuffix(".weight") for name in own]
    every = []
    for row, name in zip(rows, own, strict=False):
        flat = [arrays_[f"corner={end}.{name}"].ravel().astype(float) for end in range(ends)]
        every.append(flat)
        assert [row["distance"], row["squared_cosine"], row["norm"]] == pytest.approx(by_hand(flat), rel=1e-9)
    whole = [np.concatenate(parts) for parts in zip(*every, strict=True)]
    last = rows[-1]
    assert last["layer"] is None and last["epoch"] == 1
    assert [last["distance"], last["squared_cosine"], last["norm"]] == pytest.approx(by_hand(whole), rel=1e-9)


def test_a_snapshot_without_corners_is_refused(tmp_path):
    run = finished_run(tmp_path)
    with pytest.raises(
        InputError, match="has no corners; expected a snapshot of a run with the key `subspace`"
    ):
        list(rows_of_snapshot(run / "snapshots" / "epoch=1.safetensors", False))


@given(arrays(np.float64, (3, 4), elements=st.floats(-10, 10)), st.floats(0.1, 10))
def test_cosines_do_not_depend_on_lengths_and_distances_scale(weights, factor):
    before, after = (of_products(x @ x.T) for x in (weights, factor * weights))
    assert after["distance"] == pytest.approx(factor * before["distance"], rel=1e-5, abs=1e-5)
    assert after["norm"] == pytest.approx(factor * before["norm"], rel=1e-6, abs=1e-9)
    if (np.abs(weights).max(1) > 1e-3).all():
        assert after["squared_cosine"] == pytest.approx(before["squared_cosine"], rel=1e-6, abs=1e-9)


@given(arrays(np.float64, (3, 5), elements=st.floats(-9, 9)), st.integers(2, 5))
def test_the_plane_has_the_distances_of_the_corners(corners, side):
    gram = corners @ corners.T
    sides = corners[1:] - corners[0]
    # Corners that lie on a line are refused.
    assume(np.linalg.svd(sides, compute_uv=False)[1] > 0.01)
    places = coordinates(gram, np.eye(3))
    for i, j in ((0, 1), (0, 2), (1, 2)):
        expected = np.linalg.norm(corners[i] - corners[j])
        assert np.linalg.norm(places[i] - places[j]) == pytest.approx(expected, rel=1e-4, abs=1e-3)
    grid = grid_of_plane(gram, side)
    np.testing.assert_allclose(grid.sum(1), 1, atol=1e-6)
    found = coordinates(gram, grid)
    # The corners lie inside, and steps are equal.
    assert (found.min(0) < places.min(0)).all() and (found.max(0) > places.max(0)).all()
    columns = np.sort(found[:, 0]).reshape(side, side)
    assert np.ptp(columns, axis=1).max() < 1e-3
    steps = np.diff(columns.mean(1))
    assert steps.min() > 0 and np.ptp(steps) < 1e-2


def test_corners_on_a_line_have_no_plane():
    corners = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    with pytest.raises(InputError, match="lie on a line"):
        grid_of_plane(corners @ corners.T, 3)
