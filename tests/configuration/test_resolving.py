"""The configuration: shipped files resolve, defaults take precedence as documented, null switches off."""

from copy import deepcopy

import pytest
import yaml
from configuration_examples import EVERY_KEY, MINIMAL, SCHEMA, changed, refusal, resolved_experiment
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake.utils import update_config

from anatomy.configuration.resolve import resolve, training_settings

CONFIG_FILES = sorted((ROOT / "config").glob("*.yaml"))

# Files of the project


def test_default_configuration_resolves():
    resolved = resolve(yaml.safe_load((ROOT / "config.yaml").read_text()), SCHEMA)
    assert resolved.experiments and resolved.datasets and resolved.figures


@pytest.mark.parametrize("path", CONFIG_FILES, ids=lambda path: path.stem)
def test_configuration_files_resolve_on_top_of_the_default(path):
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    own = yaml.safe_load(path.read_text())
    update_config(config, own)
    assert sorted(resolve(config, SCHEMA).experiments) == sorted(own["only"])


@pytest.mark.parametrize(
    "part",
    [
        "experiment",
        "dataset",
        "embedded",
        "torchvision",
        "folder",
        "images",
        "pretrained",
        "pretrained_torchvision",
        "pretrained_matconvnet",
    ],
)
def test_every_property_has_a_description(part):
    def undescribed(schema, path):
        for key, value in schema.get("properties", {}).items():
            # `{}` permits a key that is described in another part of the schema.
            if value and "description" not in value:
                yield f"{path}.{key}"
            yield from undescribed(value, f"{path}.{key}")

    assert list(undescribed(SCHEMA["$defs"][part], part)) == []


def test_the_small_image_half_is_part_of_the_whole_paper():
    half, whole = (
        yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text()) for name in ("cifar10", "paper")
    )
    assert half["experiments"].items() <= whole["experiments"].items()
    assert half["datasets"].items() <= whole["datasets"].items()
    assert half["defaults"] == whole["defaults"]


# Defaults


def test_defaults_of_the_schema_fill_in_everything_optional():
    resolved = resolve(yaml.safe_load(MINIMAL), SCHEMA)
    assert (resolved.device, resolved.data, resolved.figures) == ("auto", "data", {})
    assert resolved.runs_per_gpu == 1
    assert resolved.datasets["digits"]["seed"] == 0
    assert resolved.experiments["plain"] == {
        "dataset": "digits",
        "architecture": "vgg11",
        "width": 1.0,
        "initialisation": {"kind": "kaiming", "std": 0.01},
        "epochs": 4,
        "threads": 1,
        "whole_snapshots": False,
        "batch_size": 128,
        "precision": "float32",
        "pixels": "standardised",
        "label_noise": {"fraction": 0, "kind": "uniform"},
        "pixel_shuffle": False,
        "augmentation": {"shift": 4, "flip": True, "random_resized_crop": False},
        "validation_fraction": 0.1,
        "split_seed": 0,
        "optimiser": {"learning_rate": 0.01, "momentum": 0.9, "weight_decay": 0.0005},
        "schedule": {"kind": "step", "every": 25, "factor": 0.1},
        "snapshots": [0, 1, 2, 3, 4],
        "seeds": [0],
        "reinitialise": {"epochs": [0], "random": True, "linear": False},
    }


def test_experiment_overrides_defaults_which_override_the_schema():
    plain = resolved_experiment("{defaults: {width: 0.5, batch_size: 32}, experiments: {plain: {width: 2}}}")
    assert plain["width"] == 2
    assert plain["batch_size"] == 32
    assert plain["precision"] == "float32"


def test_nested_keys_are_overridden_one_by_one():
    plain = resolved_experiment("""
        defaults: {optimiser: {learning_rate: 0.1, momentum: 0.5}}
        experiments: {plain: {optimiser: {momentum: 0.0}}}
    """)
    assert plain["optimiser"] == {"learning_rate": 0.1, "momentum": 0.0, "weight_decay": 0.0005}


def test_lists_are_replaced_not_merged():
    plain = resolved_experiment("{defaults: {seeds: [0, 1, 2]}, experiments: {plain: {seeds: [7]}}}")
    assert plain["seeds"] == [7]


def test_defaults_of_one_experiment_do_not_reach_another():
    config = changed("experiments: {other: {dataset: digits, augmentation: {shift: 0}}}")
    experiments = resolve(config, SCHEMA).experiments
    assert experiments["other"]["augmentation"] == {"shift": 0, "flip": True, "random_resized_crop": False}
    assert experiments["plain"]["augmentation"] == {"shift": 4, "flip": True, "random_resized_crop": False}


@pytest.mark.parametrize(
    ("source", "defaults"),
    [
        ("{source: folder, path: images.tar}", {"channels": 3}),
        ("{source: torchvision, official: MNIST}", {}),
    ],
)
def test_data_sets_have_the_defaults_of_their_source(source, defaults):
    resolved = resolve(changed(f"datasets: {{other: {source}}}"), SCHEMA)
    assert resolved.datasets["other"] == {**yaml.safe_load(source), **defaults}


@pytest.mark.parametrize(
    ("network", "defaults"),
    [
        ("{source: torchvision, architecture: vgg19}", {"seed": 0}),
        (
            "{source: matconvnet, architecture: alexnet, path: x.mat}",
            {"seed": 0, "homepage": "https://www.vlfeat.org/matconvnet/pretrained/"},
        ),
    ],
)
def test_pretrained_networks_have_the_defaults_of_their_source(network, defaults):
    resolved = resolve(changed(f"pretrained: {{net: {network}}}"), SCHEMA)
    assert resolved.pretrained["net"] == {**yaml.safe_load(network), **defaults}


def test_resolving_leaves_the_given_configuration_alone():
    config = yaml.safe_load(EVERY_KEY)
    before = deepcopy(config)
    resolve(config, SCHEMA)
    assert config == before


# Null


@pytest.mark.parametrize(
    ("changes", "part", "left"),
    [
        ("experiments: {other: null}", "experiments", ["plain"]),
        ("pretrained: {other: null}", "pretrained", []),
        ("datasets: {other: null}", "datasets", ["digits"]),
        ("figures: {figure_02: null, figure_04: {experiment: plain}}", "figures", ["figure_04"]),
    ],
)
def test_null_switches_off(changes, part, left):
    assert list(getattr(resolve(changed(changes), SCHEMA), part)) == left


def test_only_switches_off_every_other_experiment():
    config = changed("{only: [other], experiments: {other: {dataset: digits}, third: {dataset: digits}}}")
    assert list(resolve(config, SCHEMA).experiments) == ["other"]


def test_only_with_an_unknown_name_is_refused():
    message = refusal(changed("only: [plian]"))
    assert message == "configuration: only: 'plian' is not an experiment; allowed: plain"


def test_random_crops_take_the_place_of_shifts():
    plain = resolved_experiment("""
    datasets: {photos: {source: images, path: x}}
    experiments: {plain: {dataset: photos, augmentation: {shift: 4, random_resized_crop: true}}}
    """)
    assert plain["augmentation"] == {"shift": 0, "flip": True, "random_resized_crop": True}


def test_null_gives_a_nested_key_its_default_back():
    plain = resolved_experiment("defaults: {augmentation: {shift: null, flip: false}}")
    assert plain["augmentation"] == {"shift": 4, "flip": False, "random_resized_crop": False}


def test_data_set_that_is_switched_off_but_used_is_named():
    message = refusal(changed("datasets: {digits: null, other: {source: folder, path: x}}"))
    assert "experiments.plain.dataset: 'digits'" in message
    assert "allowed: other" in message


# Snapshots, training settings


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("all", [0, 1, 2, 3, 4]),
        ("[]", [0, 4]),
        ("[2]", [0, 2, 4]),
        ("[4, 3, 0]", [0, 3, 4]),
    ],
)
def test_snapshots_contain_the_first_and_last_epoch(asked, kept):
    assert resolved_experiment(f"defaults: {{snapshots: {asked}}}")["snapshots"] == kept


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 50), st.data())
def test_any_list_of_snapshots_is_kept_sorted_with_first_and_last(epochs, data):
    asked = data.draw(st.lists(st.integers(0, epochs), unique=True))
    config = changed("{}")
    config["defaults"] |= {"epochs": epochs, "snapshots": asked}
    assert resolve(config, SCHEMA).experiments["plain"]["snapshots"] == sorted({0, *asked, epochs})


def test_training_settings_are_all_that_decides_weights():
    plain = resolved_experiment("{}")
    own = training_settings(plain)
    assert plain.keys() - own.keys() == {"dataset", "seeds", "reinitialise", "threads"}
    assert all(plain[key] == value for key, value in own.items())
