"""The configuration: shipped files resolve, defaults take precedence as documented, null switches off."""

from copy import deepcopy

import pytest
import yaml
from configuration_examples import (
    EVERY_KEY,
    MINIMAL,
    SCHEMA,
    changed,
    refusal,
    resolved,
    resolved_experiment,
)
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake.utils import update_config

from anatomy.configuration.resolve import resolve
from anatomy.configuration.studies import FIGURES, STUDIES
from anatomy.runtime.settings import snapshot_epochs
from anatomy.studies.arrangements.settings import pretrained_networks

CONFIG_FILES = sorted([*(ROOT / "config").glob("*.yaml"), *(ROOT / "config" / "paper").glob("*.yaml")])


def shipped(*overlays):
    """The configuration as the Snakefile merges it: the studies' files, config.yaml, overlays."""
    merged = {}
    for path in [*sorted((ROOT / "config" / "studies").glob("*.yaml")), ROOT / "config.yaml", *overlays]:
        update_config(merged, yaml.safe_load(path.read_text()))
    return merged


# Files of the project

# What a file is laid over beside the default.
LAID_OVER = {
    "cifar10-gpu": ["cifar10"],
    "curvature-variants": ["paper/curvature"],
    "invariance-mnist": ["paper/invariance"],
}


def test_default_configuration_resolves():
    found = resolve(shipped(), SCHEMA)
    assert found.experiments and found.datasets
    # Figures of the same kind may be for networks or data that the default run does not have.
    assert found.figures.keys() <= FIGURES.keys()
    # What takes corrupted files, further epochs, retraining, many seeds or another configuration.
    elsewhere = {"accuracy_under_corruption", "curvature_layers", "invariance_epochs"}
    elsewhere |= {"invariance_transformations", "invariance_retraining", "invariance_stability"}
    kinds = {own.kind for own in FIGURES.values()} - elsewhere
    assert {own.kind for own in found.figures.values()} == kinds
    assert found.notes == []


@pytest.mark.parametrize("path", CONFIG_FILES, ids=lambda path: path.stem)
def test_configuration_files_resolve_on_top_of_the_default(path):
    below = [path.parent / f"{name}.yaml" for name in LAID_OVER.get(path.stem, ())]
    resolved = resolve(shipped(*below, path), SCHEMA)
    only = yaml.safe_load(path.read_text()).get("only")
    assert only is None or sorted(resolved.experiments) == sorted(only)


@pytest.mark.parametrize("part", [name for name in SCHEMA["$defs"] if name not in ("name", "epoch")])
def test_every_property_has_a_description(part):
    def undescribed(schema, path):
        for key, value in schema.get("properties", {}).items():
            # `{}` permits a key that is described in another part of the schema.
            if value and "description" not in value:
                yield f"{path}.{key}"
            yield from undescribed(value, f"{path}.{key}")
        for each in schema.get("allOf", []):
            yield from undescribed(each["then"], path)

    assert list(undescribed(SCHEMA["$defs"][part], part)) == []


def test_the_small_image_half_is_part_of_the_whole_paper():
    half, whole = (
        resolve(shipped(ROOT / "config" / f"{name}.yaml"), SCHEMA)
        for name in ("cifar10", "paper/arrangements")
    )
    assert half.experiments.items() <= whole.experiments.items()
    assert half.datasets.items() <= whole.datasets.items()


# Defaults


def test_defaults_of_the_schema_fill_in_everything_optional():
    found = resolve(yaml.safe_load(MINIMAL), SCHEMA)
    assert (found.device, found.data, found.figures) == ("auto", "data", {})
    assert found.runs_per_gpu == 1
    assert found.pathvars == {"results": "results"}
    assert found.datasets["digits"].seed == 0
    assert found.studies["arrangements"].complete() == {"critical_drop": 0.1, "pretrained": {}}
    assert found.measured["arrangements"] == ["plain"]
    assert found.notes == []
    assert found.experiments["plain"].complete() == {
        "dataset": "digits",
        "architecture": "vgg11",
        "options": {},
        "width": 1.0,
        "dropout": 0.0,
        "initialisation": {"kind": "kaiming", "std": 0.01},
        "epochs": 4,
        "threads": 1,
        "batch_size": 128,
        "precision": "float32",
        "pixels": "standardised",
        "label_noise": {"fraction": 0, "kind": "uniform", "exact": False},
        "pixel_shuffle": False,
        "augmentation": {"shift": 4, "flip": True, "rotate": 0, "random_resized_crop": False},
        "validation_fraction": 0.1,
        "split_seed": 0,
        "order": "drawn",
        "optimiser": {
            "kind": "sgd",
            "learning_rate": 0.01,
            "momentum": 0.9,
            "weight_decay": 0.0005,
            "decay": "all",
        },
        "schedule": {"kind": "step", "every": 25, "factor": 0.1, "cycles": 5, "swa_rate": 0.05, "warmup": 0},
        "snapshots": {"epochs": "all", "weights": "convolutions"},
        "loss": {"kind": "cross_entropy", "smoothing": 0.0},
        "evaluate_every": 1,
        "keep_state": False,
        "seeds": [0],
        "arrangements": {"reinitialise": {"epochs": [0], "random": True, "linear": False}},
    }


def test_experiment_overrides_defaults_which_override_the_schema():
    plain = resolved_experiment("{defaults: {width: 0.5, batch_size: 32}, experiments: {plain: {width: 2}}}")
    assert plain.width == 2
    assert plain.batch_size == 32
    assert plain.precision == "float32"


def test_nested_keys_are_overridden_one_by_one():
    plain = resolved_experiment("""
        defaults: {optimiser: {learning_rate: 0.1, momentum: 0.5}}
        experiments: {plain: {optimiser: {momentum: 0.0}}}
    """)
    assert plain.optimiser.complete() == {
        "kind": "sgd",
        "learning_rate": 0.1,
        "momentum": 0.0,
        "weight_decay": 0.0005,
        "decay": "all",
    }


def test_lists_are_replaced_not_merged():
    plain = resolved_experiment("{defaults: {seeds: [0, 1, 2]}, experiments: {plain: {seeds: [7]}}}")
    assert plain.seeds == (7,)


def test_defaults_of_one_experiment_do_not_reach_another():
    config = changed("experiments: {other: {dataset: digits, augmentation: {shift: 0}}}")
    experiments = resolve(config, SCHEMA).experiments
    assert experiments["other"].augmentation.complete() == {
        "shift": 0,
        "flip": True,
        "rotate": 0,
        "random_resized_crop": False,
    }
    assert experiments["plain"].augmentation.complete() == {
        "shift": 4,
        "flip": True,
        "rotate": 0,
        "random_resized_crop": False,
    }


@pytest.mark.parametrize(
    ("source", "defaults"),
    [
        ("{source: folder, path: images.tar}", {"channels": 3, "polarity": "single"}),
        ("{source: torchvision, official: MNIST}", {"polarity": "single"}),
        ('{source: "mine.data:make"}', {"options": {}}),
    ],
)
def test_data_sets_have_the_defaults_of_their_source(source, defaults):
    found = resolved(f"datasets: {{other: {source}}}")
    assert found.datasets["other"].complete() == {**yaml.safe_load(source), **defaults}


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
    study = resolved(f"studies: {{arrangements: {{pretrained: {{net: {network}}}}}}}").studies["arrangements"]
    assert pretrained_networks(study, SCHEMA)["net"].complete() == {**yaml.safe_load(network), **defaults}


def test_networks_and_data_of_a_users_own_resolve_without_being_imported():
    found = resolved("""
        datasets: {mine: {source: "mine.data:make", options: {rows: 3, more: {a: [1, null]}}}}
        experiments: {plain: {dataset: mine, architecture: "mine:Net", width: 3, options: {depth: 2}}}
    """)
    plain = found.experiments["plain"]
    assert (plain.architecture, dict(plain.options)) == ("mine:Net", {"depth": 2})
    assert found.datasets["mine"].options["rows"] == 3


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
        ("datasets: {other: null}", "datasets", ["digits"]),
        ("figures: {figure_02: null, figure_04: {experiment: plain}}", "figures", ["figure_04"]),
    ],
)
def test_null_switches_off(changes, part, left):
    assert list(getattr(resolve(changed(changes), SCHEMA), part)) == left


def test_null_switches_a_pretrained_network_off():
    networks = """
        studies:
          arrangements:
            pretrained: {theirs: {source: torchvision, architecture: vgg16}, other: null}
        figures: {figure_01: {pretrained: other}}
    """
    found = resolved(networks)
    assert list(found.studies["arrangements"].pretrained) == ["theirs"]
    assert (found.figures, found.switched_off) == ({}, {"figure_01": ["other"]})


def test_only_switches_off_every_other_experiment():
    config = changed("{only: [other], experiments: {other: {dataset: digits}, third: {dataset: digits}}}")
    assert list(resolve(config, SCHEMA).experiments) == ["other"]


def test_only_with_an_unknown_name_is_refused():
    message = refusal(changed("only: [plian]"))
    assert message == "configuration: only: 'plian' is not an experiment; allowed: plain; did you mean plain?"


def test_of_many_names_a_refusal_lists_the_first_and_the_one_that_was_meant():
    """Each experiment that is like a wrong one is a sentence: none that lists eighty names is read."""
    many = ", ".join(f"run-{index}: {{dataset: digits}}" for index in range(40))
    message = refusal(changed(f"experiments: {{{many}, mine: {{like: run-39x}}}}"))
    listed = ", ".join(["plain", *(f"run-{index}" for index in range(11))])
    assert message.endswith(f"allowed: {listed} and 30 more; did you mean run-39?")


def test_results_may_be_elsewhere():
    assert resolved("pathvars: {results: other}").pathvars == {"results": "other"}
    assert resolved("pathvars: {results: null}").pathvars == {"results": "results"}


def test_null_gives_a_nested_key_its_default_back():
    plain = resolved_experiment("defaults: {augmentation: {shift: null, flip: false}}")
    expected = {"shift": 4, "flip": False, "rotate": 0, "random_resized_crop": False}
    assert plain.augmentation.complete() == expected


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
    plain = resolved_experiment(f"defaults: {{snapshots: {asked}}}")
    assert snapshot_epochs(plain) == kept
    # As they are written: the epochs that follow from them are in no fingerprint.
    assert plain.complete()["snapshots"]["epochs"] == yaml.safe_load(asked)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 50), st.data())
def test_any_list_of_snapshots_is_kept_sorted_with_first_and_last(epochs, data):
    asked = data.draw(st.lists(st.integers(0, epochs), unique=True))
    config = changed("{}")
    config["defaults"] |= {
        "epochs": epochs,
        "snapshots": asked,
        "arrangements": {"reinitialise": {"epochs": []}},
    }
    assert snapshot_epochs(resolve(config, SCHEMA).experiments["plain"]) == sorted({0, *asked, epochs})


def test_nothing_may_be_held_out():
    assert resolved_experiment("defaults: {validation_fraction: 0}").validation_fraction == 0


def test_settings_of_a_run_are_all_that_decides_weights():
    found = resolve(yaml.safe_load(EVERY_KEY), SCHEMA)
    plain, own = found.experiments["plain"].complete(), found.run_settings("plain").complete()
    assert plain.keys() - own.keys() == {"dataset", "seeds", "threads", *STUDIES}
    assert all(plain[key] == value for key, value in own.items())


# What of a schedule never comes


@pytest.mark.parametrize(
    ("keys", "notes"),
    [
        (
            "epochs: 2, schedule: {kind: milestones, milestones: [1, 2, 9]}",
            ["experiments.child.schedule.milestones: 2, 9 never come, as the run has 2 epochs"],
        ),
        (
            "epochs: 2, schedule: {kind: cosine, warmup: 2}",
            ["experiments.child.schedule.warmup: 2 epochs of a run of 2; the rest never comes"],
        ),
        ("epochs: 3, schedule: {kind: milestones, milestones: [1, 2], warmup: 2}", []),
    ],
)
def test_parts_of_a_schedule_past_the_end_are_named(keys, notes):
    assert resolved(f"experiments: {{child: {{like: plain, {keys}}}}}").notes == notes
