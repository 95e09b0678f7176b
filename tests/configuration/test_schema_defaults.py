"""Defaults of the schemas never change: what equals them is in no file and no fingerprint.

So a run with a changed default would be taken for one with the old. A new key adds a line here; a line that
is here stays as it is.
"""

import pytest
from configuration_examples import SCHEMA

RUN = {
    "options": {},
    "width": 1.0,
    "dropout": 0.0,
    "initialisation": {},
    "initialisation.kind": "kaiming",
    "initialisation.std": 0.01,
    "subspace.layerwise": False,
    "subspace.beta": 1.0,
    "subspace.num_samples": 1,
    "start.take": "weights",
    "start.head": "kept",
    "batch_size": 128,
    "precision": "float32",
    "pixels": "standardised",
    "label_noise": {},
    "label_noise.fraction": 0,
    "label_noise.kind": "uniform",
    "label_noise.exact": False,
    "pixel_shuffle": False,
    "augmentation": {},
    "augmentation.shift": 4,
    "augmentation.flip": True,
    "augmentation.rotate": 0,
    "augmentation.random_resized_crop": False,
    "validation_fraction": 0.1,
    "split_seed": 0,
    "split.shuffle": False,
    "split.stratified": False,
    "order": "drawn",
    "optimiser": {},
    "optimiser.kind": "sgd",
    "optimiser.learning_rate": 0.01,
    "optimiser.momentum": 0.9,
    "optimiser.weight_decay": 0.0005,
    "optimiser.decay": "all",
    "schedule": {},
    "schedule.kind": "step",
    "schedule.every": 25,
    "schedule.factor": 0.1,
    "schedule.cycles": 5,
    "schedule.swa_rate": 0.05,
    "schedule.warmup": 0,
    "loss": {},
    "loss.kind": "cross_entropy",
    "loss.smoothing": 0,
    "evaluate_every": 1,
    "keep_state": False,
    "snapshots": "all",
    "snapshots.epochs": "all",
    "snapshots.weights": "convolutions",
}
# Keys whose absence means something: a default for one of them would change every run that has none.
NONE = {
    "run": {
        "architecture",
        "epochs",
        "upscaling",
        "class_subset",
        "noise_seed",
        "split",
        "trainable",
        "batch_norm",
        "stop",
        "start",
        "subspace",
    },
    "experiment": {"like", "dataset", "seeds", "arrangements", "curvature", "invariance", "subspaces"},
    "embedded": {"source", "label", "variant", "train", "test"},
    "torchvision": {"source", "label", "official", "stand_in", "train", "test"},
    "folder": {"source", "label", "path", "encoding", "sha256", "homepage", "train", "test"},
    "images": {"source", "label", "path", "train", "test", "mean", "std", "homepage"},
    "tiny_imagenet": {"source", "label", "train", "test"},
    "points": {"source", "label", "variant"},
    "own_source": {"source", "label"},
    "pretrained": {"source", "architecture", "label"},
}
NONE["experiment"] |= NONE["run"]
for source in ("embedded", "torchvision", "folder", "images", "own_source", "points", "tiny_imagenet"):
    NONE[source] |= {"classes", "per_class", "mean", "std"}
DEFAULTS = {
    "run": RUN,
    "experiment": {
        **RUN,
        "threads": 1,
        "arrangements.reinitialise": {},
        "arrangements.reinitialise.epochs": [0],
        "arrangements.reinitialise.random": True,
        "arrangements.reinitialise.linear": False,
        "curvature.eigenpairs": 25,
        "curvature.spectrum": "none",
        "curvature.products": 60,
        "curvature.epochs": [],
        "curvature.gradient": "predicted",
        "curvature.gradient_class": 0,
        "curvature.maps": 100,
        "curvature.margin_steps": 0,
        "curvature.loss_plane": False,
        "curvature.reparametrise": [],
        "curvature.embedding": False,
        "curvature.batch": 1024,
        "invariance.angles": 16,
        "invariance.jitter": 1.0,
        "invariance.aggregations": ["mean", "max"],
        "invariance.sums": "float32",
        "invariance.mask": False,
        "invariance.artefacts": True,
        "invariance.variant": "corrected",
        "invariance.epochs": [],
        "invariance.local": False,
        "invariance.seed": 0,
        "subspaces.points": 21,
        "subspaces.random_points": 5,
        "subspaces.average": [],
        "subspaces.recalibration": "plain",
        "subspaces.between": [],
        "subspaces.endpoint": 0.8,
        "subspaces.plane": 0,
        "subspaces.barrier": 0,
        "subspaces.evaluated": True,
        "subspaces.corruptions.severities": [1, 2, 3, 4, 5],
    },
    "embedded": {"seed": 0, "polarity": "single"},
    "torchvision": {"polarity": "single", "stand_in.channels": 3},
    "folder": {"channels": 3, "polarity": "single"},
    "images": {"train_folder": "train", "test_folder": "val", "resize": 256, "crop": 224},
    "tiny_imagenet": {
        "path": "tiny-imagenet-200.zip",
        "homepage": "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
    },
    "points": {},
    "own_source": {"options": {}},
    "pretrained": {"seed": 0},
    "pretrained_torchvision": {},
    "pretrained_matconvnet": {"homepage": "https://www.vlfeat.org/matconvnet/pretrained/"},
}
STUDIES = {
    "arrangements": {},
    "arrangements.critical_drop": 0.1,
    "arrangements.pretrained": {},
    "curvature": {},
    "invariance": {},
    "subspaces": {},
}


def defaults_of(part, prefix=""):
    """Every default that a schema says, by dotted key."""
    found = {}
    for key, own in part["properties"].items():
        if "default" in own:
            found[prefix + key] = own["default"]
        if "properties" in own:
            found |= defaults_of(own, f"{prefix}{key}.")
    return found


def same(value, expected):
    """Equal and of one type, as files have them; True is not 1."""
    return value == expected and type(value) is type(expected)


@pytest.mark.parametrize("part", DEFAULTS)
def test_no_default_changes_and_every_one_is_listed(part):
    found = defaults_of(SCHEMA["$defs"][part])
    assert found.keys() == DEFAULTS[part].keys()
    assert [key for key, value in found.items() if not same(value, DEFAULTS[part][key])] == []


def test_no_default_of_a_study_changes():
    assert defaults_of(SCHEMA["properties"]["studies"]) == STUDIES


@pytest.mark.parametrize("part", NONE)
def test_no_key_gets_a_default_that_it_did_not_have(part):
    properties = SCHEMA["$defs"][part]["properties"]
    assert {key for key, own in properties.items() if "default" not in own} == NONE[part]


def test_every_data_set_source_is_listed():
    sources = {*SCHEMA["$defs"]["dataset"]["properties"]["source"]["anyOf"][0]["enum"], "own_source"}
    assert sources <= DEFAULTS.keys()
