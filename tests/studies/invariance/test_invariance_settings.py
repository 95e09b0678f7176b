"""What the study asks of the configuration, and what it refuses before any job."""

import pytest
import yaml
from configuration.configuration_examples import SCHEMA
from conftest import ROOT
from snakemake.utils import update_config

from anatomy.configuration.resolve import resolve
from anatomy.runtime.errors import InputError

BASE = """
datasets:
  digits: {source: embedded, variant: digits-grey, train: 100, test: 50}
defaults: {architecture: simple_conv, epochs: 2, seeds: [0], invariance: {}}
experiments:
  plain: {dataset: digits}
  rotated: {dataset: digits, augmentation: {rotate: 180}}
  other: {dataset: digits, width: 0.5, augmentation: {rotate: 90}}
figures:
  invariance_layers: {experiments: [plain, rotated]}
"""


def resolved(changes="{}"):
    config = yaml.safe_load(BASE)
    update_config(config, yaml.safe_load(changes))
    return resolve(config, SCHEMA)


def test_a_pair_is_measured_as_published_by_default():
    found = resolved()
    assert found.measured["invariance"] == ["plain", "rotated", "other"]
    own = found.experiments["plain"].invariance
    assert (own.angles, own.jitter, own.aggregations, own.sums) == (16, 1.0, ("mean", "max"), "float32")
    assert own.stored() == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ("{figures: {invariance_layers: {experiments: [rotated, plain]}}}", "expected plain ones here"),
        (
            "{figures: {invariance_layers: {experiments: [plain, rotated, other]}}}",
            "3 are named; expected pairs",
        ),
        ("{figures: {invariance_layers: {experiments: [plain, other]}}}", "a pair, but differ in width"),
        (
            "{figures: {invariance_layers: {experiments: [plain, missing]}}}",
            "'missing' is not in the configuration",
        ),
        ("{defaults: {invariance: {angles: 1}}}", "invariance.angles"),
        ("{defaults: {invariance: {jitter: -1}}}", "invariance.jitter"),
        ("{defaults: {invariance: {aggregations: []}}}", "invariance.aggregations"),
        ("{defaults: {invariance: {aggregations: [median]}}}", "sum, mean, max, deviations"),
        ("{defaults: {invariance: {angels: 4}}}", "angles"),
        (
            "{defaults: {invariance: {variant: published}}}",
            "invariance.artefacts: the authors' code has no floor",
        ),
        (
            "{experiments: {points: {dataset: gauss, architecture: fnn}}, "
            "datasets: {gauss: {source: points, variant: gauss, label: three classes}}}",
            "experiments.points.invariance: data set 'gauss' has points, and this study measures images only",
        ),
        (
            "{experiments: {plain: {snapshots: [1], invariance: {epochs: [0, 1]}}}}",
            "plain.invariance.epochs: the snapshot of epoch 1 has convolutions only; set snapshots.weights",
        ),
        (
            "{experiments: {plain: {start: {experiment: rotated}, invariance: {epochs: [0]}}}}",
            "plain.invariance.epochs: the snapshot of epoch 0 has convolutions only",
        ),
        ("{experiments: {plain: {invariance: {epochs: [9]}}}}", "epoch 9 is past the end"),
        ("{defaults: {invariance: {transformations: {images: 9}}}}", "there are none; add scale,"),
        ("{defaults: {invariance: {transformations: {}}}}", "invariance.transformations"),
        ("{defaults: {invariance: {transformations: {scale: 1}}}}", "transformations.scale"),
        (
            "{defaults: {invariance: {transformations: {combined: [1, 1, 1]}}}}",
            "transformations.combined: there is one transformation",
        ),
        (
            "{defaults: {invariance: {aggregations: [same_equivariance], local: true}}}",
            "invariance.local: there is none of maps that are turned back",
        ),
        (
            "{figures: {invariance_epochs: {experiments: [plain]}}}",
            "'plain' is measured after its last epoch alone; set invariance.epochs",
        ),
        (
            "{experiments: {plain: {invariance: {epochs: [2]}}}, "
            "figures: {invariance_stability: {experiments: [plain]}}}",
            "'plain' is not measured at initialisation; add 0 to invariance.epochs",
        ),
        (
            "{figures: {invariance_transformations: {experiments: [plain]}}}",
            "'plain' is measured under rotation alone; set invariance.transformations",
        ),
        (
            "{defaults: {invariance: {variant: published, artefacts: false}}, "
            "figures: {invariance_angles_resnet_mnist: {experiments: [plain, rotated]}}}",
            "'plain' is measured with `variant: published`, which counts no accuracy",
        ),
    ],
)
def test_what_is_wrong_is_refused(changes, words):
    with pytest.raises(InputError, match=words.replace("[", r"\[")):
        resolved(changes)


def test_a_figure_goes_with_half_of_its_pair():
    found = resolved("{experiments: {rotated: null}}")
    assert "invariance_layers" not in found.figures
    assert any("invariance_layers" in note for note in found.notes)


def test_the_published_networks_have_the_published_epochs():
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    for file in ("studies/arrangements", "studies/invariance", "paper/invariance"):
        update_config(config, yaml.safe_load((ROOT / f"config/{file}.yaml").read_text()))
    found = resolve(config, SCHEMA)
    epochs = {name: own.epochs for name, own in found.experiments.items()}
    # Of 16 pairs and the schemes of retraining.
    assert len(epochs) == 16 + 11
    assert epochs["simple-conv-mnist-plain"] == 5 and epochs["resnet-cifar10-rotated"] == 150
    assert len([name for name in found.figures if name.startswith("invariance")]) == 33 + 3
    schemes = {name: own for name, own in found.experiments.items() if name.startswith("retraining")}
    assert {own.epochs for name, own in schemes.items() if name != "retraining-none"} == {7}
    assert epochs["retraining-none"] == 4 and not schemes["retraining-none"].augmentation.rotate
    for name, own in found.experiments.items():
        if name in schemes:
            continue
        assert own.augmentation.complete() == {
            "shift": 0,
            "flip": False,
            "rotate": 180.0 if name.endswith("rotated") else 0.0,
            "random_resized_crop": False,
        }
        assert own.optimiser.learning_rate == (1e-5 if name.startswith(("vgg", "resnet")) else 1e-3)
        assert own.optimiser.weight_decay == (1e-9 if name.startswith("simple") else 1e-13)
