"""Tables of an experiment, against pandas and numpy on the same numbers, and files of predictions."""

import numpy as np
import pandas as pd
import pytest
from conftest import settings_of
from studies.subspaces import made_up

from anatomy.runtime.errors import InputError
from anatomy.studies.subspaces import tables
from anatomy.studies.subspaces.evaluation import Predictions
from anatomy.studies.subspaces.predictions_files import read_predictions, write_predictions

LABELS = np.arange(60) % 4
COMMON = {"experiment": "test", "kind": "standard", "corners": 1, "layerwise": False, "beta": 0.0}


def networks(count):
    random = np.random.default_rng(0)
    found = {}
    for seed in range(count):
        logits = random.normal(size=(60, 4)).astype(np.float32)
        found[seed] = Predictions(logits, random.normal(size=(60, 8)).astype(np.float32))
    return found


def test_the_summary_has_means_over_seeds_of_each_evaluation():
    table = made_up.evaluations("line", shift=(0.0, 0.01, 0.02))
    found = tables.summary(table)
    own = found[(found["evaluation"] == "pair") & (found["alpha"] == 0.2) & (found["combined"] == "logits")]
    accuracy = own.set_index("quantity").loc["accuracy"]
    assert accuracy["mean"] == pytest.approx(0.92) and accuracy["std"] == pytest.approx(0.01)
    assert accuracy["n"] == 3
    assert not found["quantity"].str.endswith(("_low", "_high")).any()
    # Of a single point there is no diversity.
    assert set(found.loc[found["evaluation"] == "point", "quantity"]).isdisjoint({"disagreement"})


def test_points_of_planes_stand_apart():
    line = made_up.evaluations("line").assign(x=np.nan, y=np.nan)
    grid = line.head(4).assign(evaluation="plane", index=range(4), x=1.5, y=[0, 1, 2, 3])
    frames = [line, pd.concat([line, grid])]
    assert len(tables.evaluations(frames)) == 2 * len(line)
    found = tables.plane(frames)
    assert tuple(found.columns) == tables.OF_PLANE and found["y"].tolist() == [0, 1, 2, 3]
    assert (found["x"] == 1.5).all()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("standard", 1, False, 0, 0, 0, 0)),
        ({"subspace": {"kind": "bezier"}, "dropout": 0.3}, ("bezier", 3, False, 1, 0, 0.3, 0)),
        (
            {
                "subspace": {"kind": "simplex", "corners": 4, "layerwise": True, "beta": 0.0},
                "label_noise": {"fraction": 0.4},
                "loss": {"smoothing": 0.1},
            },
            ("simplex", 4, True, 0, 0.4, 0, 0.1),
        ),
        ({"label_noise": {"kind": "permuted"}}, ("standard", 1, False, 0, 1, 0, 0)),
    ],
)
def test_columns_say_how_a_run_was_trained(changes, expected):
    found = tables.training_columns(settings_of(**changes))
    assert tuple(found) == tables.TRAINED and tuple(found.values()) == expected


def test_networks_alone_and_all_their_subsets():
    found = networks(3)
    table = tables.ensembles(COMMON, found, LABELS)
    assert table.loc[table["members"] == 1, "seeds"].tolist() == ["0", "1", "2"]
    assert table.loc[table["members"] == 2, "seeds"].unique().tolist() == ["0 1", "0 2", "1 2"]
    assert len(table) == 3 + 2 * 3 + 2
    own = table[(table["seeds"] == "0 2") & (table["combined"] == "logits")].iloc[0]
    predicted = (found[0].logits + found[2].logits).argmax(1)
    assert own["accuracy"] == pytest.approx((predicted == LABELS).mean())
    differ = found[0].logits.argmax(1) != found[2].logits.argmax(1)
    assert own["disagreement"] == pytest.approx(differ.mean())


def test_of_many_seeds_ten_subsets_of_a_size_are_taken():
    table = tables.ensembles(COMMON, networks(6), LABELS)
    assert table[table["combined"] != "probabilities"].groupby("members").size().tolist() == [
        6,
        10,
        10,
        10,
        6,
        1,
    ]


def test_layers_are_long_and_geometry_is_of_all():
    ends = made_up.ends()
    geometry = tables.geometry(ends)
    assert len(geometry) == 6 and geometry["distance"].tolist() == [50, 50, 51, 51, 52, 52]
    layers = tables.layers(ends)
    assert len(layers) == 3 * 2 * 2 * 3
    assert set(layers["quantity"]) == {"distance", "squared_cosine", "norm"}


def test_predictions_come_back_and_other_images_are_refused(tmp_path):
    found = networks(2)
    paths = [tmp_path / f"seed={seed}.safetensors" for seed in found]
    for seed, path in zip(found, paths, strict=True):
        write_predictions(path, seed, found[seed], LABELS)
    read, labels = read_predictions(paths)
    assert list(read) == [0, 1] and (labels == LABELS).all()
    assert (read[1].logits == found[1].logits).all()
    np.testing.assert_allclose(read[1].features, found[1].features, rtol=1e-3, atol=1e-4)
    write_predictions(paths[1], 1, found[1], LABELS[::-1].copy())
    with pytest.raises(InputError, match=r"seed=1\.safetensors is of other images"):
        read_predictions(paths)
