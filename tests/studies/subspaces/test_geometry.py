"""Distance and cosine of ends against plain numpy on the snapshots of a run that trains a subspace."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from studies.subspaces.subspace_runs import finished_run

from anatomy.checkpoints.safetensors_files import read_safetensors
from anatomy.runtime.errors import InputError
from anatomy.studies.subspaces.geometry import of_products, rows_of_snapshot


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
