"""The configuration: shipped files resolve, defaults take precedence as documented, bad input is refused."""

from copy import deepcopy

import pytest
import yaml
from conftest import ROOT
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from snakemake.utils import update_config

from hyperplanes import figure_settings
from hyperplanes.configuration import label, pretrained_label, resolve, training_settings
from hyperplanes.errors import InputError

SCHEMA = yaml.safe_load((ROOT / "workflow" / "schemas" / "config.schema.yaml").read_text())
CONFIG_FILES = sorted((ROOT / "config").glob("*.yaml"))

MINIMAL = """
datasets:
  digits: {source: embedded, variant: digits-rgb, train: 100, test: 50}
defaults: {architecture: vgg11, epochs: 4, seeds: [0]}
experiments:
  plain: {dataset: digits}
"""

# Every key that the schema knows, so that a key's siblings here are all that is allowed beside it.
EVERY_KEY = """
device: cpu
runs_per_gpu: 2
data: data
pathvars: {results: results}
only: [plain]
datasets:
  digits:
    {source: embedded, label: Digits, variant: digits-grey, train: 100, test: 50, seed: 1, polarity: both}
  cifar: {source: torchvision, label: CIFAR-10, official: CIFAR10}
  images: {source: folder, label: Images, path: images.tar, channels: 3, sha256: null, homepage: here}
  imagenet: {source: images, label: ImageNet, path: imagenet, train_folder: train, test_folder: val, train: 9,
    test: 9, resize: 256, crop: 224, mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2], homepage: here}
defaults: &experiment
  dataset: digits
  architecture: vgg11
  width: 0.5
  threads: 2
  whole_snapshots: true
  initialisation: {kind: normal, std: 0.1}
  epochs: 4
  batch_size: 32
  precision: float32
  pixels: unit
  label_noise: {share: 0.5, kind: wrong}
  pixel_shuffle: true
  augmentation: {shift: 2, flip: false, random_resized_crop: false}
  validation_fraction: 0.2
  split_seed: 1
  optimiser: {learning_rate: 0.1, momentum: 0.5, weight_decay: 0.0}
  schedule: {kind: step, every: 2, factor: 0.5}
  snapshots: all
  seeds: [0, 1]
  reinitialise: {epochs: [0, 2], random: true, linear: false}
experiments:
  plain: *experiment
pretrained:
  theirs: {architecture: vgg16, source: torchvision, label: VGG16, seed: 1}
  zoo: {architecture: alexnet, source: matconvnet, path: x.mat, sha256: null, homepage: here, seed: 1}
critical_drop: 0.2
figures:
  figure_01: {experiment: plain, seed: 1}
  figure_02: {experiment: plain, runs: 2}
  figure_03: {}
  figure_04: {experiment: plain}
  figure_07: {experiment: plain}
  figure_21: {experiments: [plain]}
  figure_polarity: {experiments: [plain]}
"""
NAMED_BY_USER = ("datasets", "experiments", "pretrained")


def changed(changes, config=MINIMAL):
    """The configuration with YAML `changes` merged in; null removes a key."""
    merged = yaml.safe_load(config)
    update_config(merged, yaml.safe_load(changes))
    return merged


def refusal(config):
    with pytest.raises(InputError) as caught:
        resolve(config, SCHEMA)
    return str(caught.value)


def resolved_experiment(changes):
    return resolve(changed(changes), SCHEMA).experiments["plain"]


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
        "label_noise": {"share": 0, "kind": "uniform"},
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


# Figures

PAIR = """
experiments:
  plain: {seeds: [3, 5]}
  smooth: {dataset: digits, schedule: {kind: smooth}}
  other: {dataset: digits}
"""


def drawn_figures(figures, also="{}"):
    config = changed(figures, yaml.safe_dump(changed(also, yaml.safe_dump(changed(PAIR)))))
    return resolve(config, SCHEMA)


def test_figures_have_what_they_draw_and_their_options():
    resolved = drawn_figures("""
        figures:
          figure_01: {experiment: plain, seed: 5}
          figure_03: {}
          figure_09: {experiment: smooth}
          figure_16: {experiment: plain, runs: 1}
          figure_21: {experiments: [smooth, plain]}
          figure_22: {experiments: [plain, smooth]}
    """)
    assert resolved.figures == {
        "figure_01": ["plain"],
        "figure_03": [],
        "figure_09": ["smooth"],
        "figure_16": ["plain"],
        "figure_21": ["smooth", "plain"],
        "figure_22": ["plain", "smooth"],
    }
    options = {name: own for name, own in resolved.figure_options.items() if own}
    assert options == {"figure_01": {"seed": 5}, "figure_16": {"runs": 1}}
    assert resolved.switched_off == {}


@pytest.mark.parametrize("also", ["experiments: {smooth: null}", "only: [plain, other]"])
def test_an_experiment_that_is_switched_off_takes_its_figures_and_curves_along(also):
    figures = """
        figures:
          figure_07: {experiment: smooth}
          figure_08: {experiment: plain}
          figure_21: {experiments: [smooth, plain]}
          figure_polarity: {experiments: [smooth]}
          figure_22: {experiments: [plain, smooth]}
    """
    resolved = drawn_figures(figures, also)
    assert resolved.figures == {"figure_08": ["plain"], "figure_21": ["plain"]}
    gone = ("figure_07", "figure_21", "figure_polarity", "figure_22")
    assert resolved.switched_off == {name: ["smooth"] for name in gone}


def test_switched_off_experiment_of_a_comparison_of_four_takes_the_figure_along():
    figures = "figures: {figure_22: {experiments: [plain, smooth, other, later]}}"
    also = "experiments: {later: {dataset: digits, schedule: {kind: smooth}}}"
    assert drawn_figures(figures, also).figures["figure_22"] == ["plain", "smooth", "other", "later"]
    assert drawn_figures(figures, "experiments: {later: null}").figures == {}


def test_pretrained_network_in_place_of_an_experiment_that_is_switched_off():
    figures = {"figure_01": {"experiment": "gone", "seed": 2, "pretrained": "vgg19"}}
    drawn, off = figure_settings.drawn(figures, {"gone"})
    assert drawn == {"figure_01": ["vgg19"]}
    assert off == {"figure_01": ["gone"]}
    options = figure_settings.options(figures, drawn)
    assert options == {"figure_01": {}}
    assert list(figure_settings.problems(drawn, options, {}, {"vgg19": {}})) == []


def test_pretrained_network_that_is_absent_or_has_a_seed_is_refused():
    def problem(figure, pretrained, **options):
        (line,) = figure_settings.problems({figure: ["vgg19"]}, {figure: options}, {"plain": {}}, pretrained)
        return line

    assert "pretrained network 'vgg19' is not in the configuration; allowed: plain, vgg16" in problem(
        "figure_09", {"vgg16": {}}
    )
    assert "figures.figure_09.seed: 'vgg19' is pretrained" in problem("figure_09", {"vgg19": {}}, seed=0)
    # Nothing of a pretrained network changes over epochs.
    assert "figures.figure_07: experiment 'vgg19' is not" in problem("figure_07", {"vgg19": {}})


# Snapshots, training settings, labels


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


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({}, "VGG19, RGB digits"),
        ({"width": 1}, "VGG19, RGB digits"),
        ({"width": 0.125}, "VGG19 (width 1/8), RGB digits"),
        ({"width": 0.75}, "VGG19 (width 3/4), RGB digits"),
        ({"width": 0.3}, "VGG19 (width 0.3), RGB digits"),
        ({"width": 2.0}, "VGG19 (width 2), RGB digits"),
        ({"architecture": "lenet"}, "LeNet, RGB digits"),
        ({"pixels": "unit"}, "VGG19, RGB digits, pixels in [0, 1]"),
        ({"dataset": "unnamed"}, "VGG19, unnamed"),
        ({"architecture": "alexnet", "pixels": "symmetric"}, "AlexNet, RGB digits, pixels in [-1, 1]"),
        ({"label_noise": {"share": 0.5}}, "VGG19, RGB digits, 50% label noise"),
        ({"pixel_shuffle": True}, "VGG19, RGB digits, shuffled pixels"),
        ({"initialisation": {"kind": "normal", "std": 0.01}}, "VGG19, RGB digits, weights from N(0, 0.01²)"),
    ],
)
def test_label_names_network_and_data_set(keys, text):
    experiment = resolved_experiment("defaults: {architecture: vgg19}") | {"dataset": "rgb"}
    assert label({**experiment, **keys}, {"rgb": {"label": "RGB digits"}, "unnamed": {}}) == text


@pytest.mark.parametrize(
    ("network", "text"),
    [
        ({"architecture": "vgg19", "source": "torchvision"}, "VGG19, ImageNet (PyTorch)"),
        ({"architecture": "alexnet", "source": "matconvnet"}, "AlexNet, ImageNet (MatConvNet)"),
        ({"architecture": "alexnet", "source": "matconvnet", "label": "theirs"}, "theirs"),
    ],
)
def test_label_of_a_pretrained_network_names_its_publisher(network, text):
    assert pretrained_label(network) == text


# Bad input: each message names key, value and what is allowed

BAD = {
    "unknown top-level key": ("experimens: {}", "experimens: unknown key", "did you mean experiments?"),
    "unknown key of an experiment": (
        "experiments: {plain: {epoch: 3}}",
        "experiments.plain.epoch: unknown key",
        "did you mean epochs?",
    ),
    "unknown key of the defaults": (
        "defaults: {seed: 3}",
        "defaults.seed: unknown key",
        "allowed: dataset, architecture",
        "did you mean seeds?",
    ),
    "unknown nested key": (
        "experiments: {plain: {optimiser: {learningrate: 0.1}}}",
        "experiments.plain.optimiser.learningrate: unknown key",
        "allowed: learning_rate, momentum, weight_decay",
        "did you mean learning_rate?",
    ),
    "unknown key of a data set": (
        "datasets: {digits: {trian: 5}}",
        "datasets.digits.trian: unknown key",
        "did you mean train?",
    ),
    "unknown key like no other": ("zzz: 1", "zzz: unknown key", "allowed: device, runs_per_gpu, data"),
    "unknown figure": ("figures: {figure_1: {experiment: plain}}", "figures.figure_1: unknown key", "_02"),
    "key of another source": (
        "datasets: {digits: {path: x}}",
        "datasets.digits.path: unknown key",
        "allowed: source, label, variant, train, test, seed",
    ),
    "text for an integer": ("defaults: {epochs: '4'}", "defaults.epochs: '4'", "integer"),
    "text for a number": ("defaults: {width: wide}", "defaults.width: 'wide'", "number"),
    "1e-3 is text in YAML": (
        "defaults: {optimiser: {learning_rate: 1e-3}}",
        "defaults.optimiser.learning_rate: '1e-3'",
        "number",
        "write 1.0e-3 or 0.001",
    ),
    "fraction for an integer": ("defaults: {epochs: 4.5}", "defaults.epochs: 4.5", "integer"),
    "boolean for an integer": ("defaults: {epochs: true}", "defaults.epochs: True", "integer"),
    "number for a boolean": (
        "defaults: {augmentation: {flip: 1}}",
        "defaults.augmentation.flip: 1",
        "boolean",
    ),
    "number for a list": ("defaults: {seeds: 0}", "defaults.seeds: 0", "array"),
    "number for a section": ("defaults: {augmentation: 4}", "defaults.augmentation: 4", "object"),
    "list for experiments": ("experiments: [1]", "experiments: [1]", "object"),
    "number for an experiment": ("experiments: {plain: 7}", "experiments.plain: 7", "object"),
    "number for datasets": ("datasets: 3", "datasets: 3", "object"),
    "number for a data set": ("datasets: {digits: 3}", "datasets.digits: 3", "object"),
    "list for defaults": ("defaults: [1]", "defaults: [1]", "object"),
    "number for figures": ("figures: 3", "figures: 3", "object"),
    "unknown device": ("device: gpu", "device: 'gpu'", "allowed: auto, cpu, cuda"),
    "unknown architecture": (
        "experiments: {plain: {architecture: resnet}}",
        "experiments.plain.architecture: 'resnet'",
        "did you mean resnet50? allowed: lenet, alexnet, vgg11",
    ),
    "network of one width only": (
        "experiments: {plain: {architecture: densenet121, width: 0.5}}",
        "experiments.plain.width: densenet121 has one width only",
        "vgg19, vgg11bn",
    ),
    "unknown schedule": (
        "defaults: {schedule: {kind: cosine}}",
        "defaults.schedule.kind: 'cosine'",
        "allowed: step, smooth",
    ),
    "unknown data set": (
        "experiments: {plain: {dataset: mnist}}",
        "experiments.plain.dataset: 'mnist'",
        "allowed: digits",
    ),
    "unknown source": (
        "datasets: {digits: {source: web}}",
        "datasets.digits.source: 'web'",
        "allowed: embedded, torchvision, folder",
    ),
    "data set without source": (
        "datasets: {digits: {source: null}}",
        "datasets.digits: key source is missing",
    ),
    "folder without path": ("datasets: {images: {source: folder}}", "datasets.images: key path is missing"),
    "malformed checksum": (
        "datasets: {images: {source: folder, path: x, sha256: abc}}",
        "datasets.images.sha256: 'abc'",
        "[0-9a-f]{64}",
    ),
    "crop larger than the image": (
        "datasets: {photos: {source: images, path: x, crop: 300}}",
        "datasets.photos.crop: 300",
        "allowed: 1 to 256",
    ),
    "mean without standard deviation": (
        "datasets: {photos: {source: images, path: x, mean: [0.5, 0.5, 0.5]}}",
        "datasets.photos",
        "'std'",
    ),
    "random crops of small images": (
        "defaults: {augmentation: {random_resized_crop: true}}",
        "experiments.plain.augmentation.random_resized_crop: images of data set 'digits'",
        "`source: images`",
    ),
    "shuffled pixels of large images": (
        "datasets: {photos: {source: images, path: x}}\n"
        "experiments: {plain: {dataset: photos, pixel_shuffle: true}}",
        "experiments.plain.pixel_shuffle",
        "does not fit in memory",
    ),
    "polarity of RGB digits": (
        "datasets: {digits: {polarity: both}}",
        "datasets.digits.polarity: digits-rgb has",
        "variant to digits-grey",
    ),
    "unknown polarity": (
        "datasets: {digits: {variant: digits-grey, polarity: two}}",
        "datasets.digits.polarity: 'two'",
        "allowed: single, both",
    ),
    "snapshot past the end": (
        "defaults: {snapshots: [1, 9]}",
        "experiments.plain.snapshots: epoch 9",
        "allowed: 0 to 4",
    ),
    "reset past the end": (
        "defaults: {reinitialise: {epochs: [9]}}",
        "experiments.plain.reinitialise.epochs: epoch 9",
        "allowed: 0 to 4",
    ),
    "reset without a snapshot": (
        "defaults: {snapshots: [1], reinitialise: {epochs: [1, 2]}}",
        "experiments.plain.reinitialise.epochs: epoch 2 has no snapshot",
        "allowed: 0, 1, 4",
    ),
    "other text for snapshots": (
        "defaults: {snapshots: most}",
        "defaults.snapshots: 'most'",
        "`all` or a list of epochs",
    ),
    "negative snapshot": ("defaults: {snapshots: [-1]}", "defaults.snapshots: [-1]", "list of epochs"),
    "seed twice": ("defaults: {seeds: [1, 2, 1]}", "experiments.plain.seeds: 1 is listed twice", "distinct"),
    "snapshot twice": (
        "defaults: {snapshots: [2, 2]}",
        "experiments.plain.snapshots: 2 is listed twice",
        "distinct",
    ),
    "linear layers reset to nothing": (
        "defaults: {reinitialise: {epochs: [1], random: false, linear: true}}",
        "experiments.plain.reinitialise.linear: there is nothing to reset linear layers to",
    ),
    "number of random draws": (
        "defaults: {reinitialise: {random: 1.5}}",
        "defaults.reinitialise.random: 1.5 is not of type boolean or integer",
    ),
    "reset twice": (
        "defaults: {reinitialise: {epochs: [2, 2]}}",
        "experiments.plain.reinitialise.epochs: 2 is listed twice",
        "distinct",
    ),
    "negative seed": ("defaults: {seeds: [0, -1]}", "defaults.seeds.1: -1", "minimum of 0"),
    "seed of more than 31 bits": ("defaults: {seeds: [2147483648]}", "defaults.seeds.0", "2147483647"),
    "no seeds": ("defaults: {seeds: []}", "defaults.seeds: []", "non-empty"),
    "no epochs": ("defaults: {epochs: 0}", "defaults.epochs: 0", "minimum of 1"),
    "learning rate 0": (
        "defaults: {optimiser: {learning_rate: 0}}",
        "defaults.optimiser.learning_rate: 0",
        "less than or equal to the minimum of 0",
    ),
    "everything held out": ("defaults: {validation_fraction: 1}", "validation_fraction: 1", "maximum of 1"),
    "nothing held out": ("defaults: {validation_fraction: 0}", "validation_fraction: 0", "minimum of 0"),
    "missing epochs": ("defaults: {epochs: null}", "experiments.plain: key epochs is missing", "defaults"),
    "missing data set": (
        "experiments: {plain: {dataset: null, width: 1}}",
        "experiments.plain: key dataset is missing",
        "defaults",
    ),
    "no experiments": ("experiments: null", "key experiments is missing"),
    "all experiments off": ("experiments: {plain: null}", "experiments: {}", "non-empty"),
    "no data sets": ("datasets: null", "key datasets is missing"),
    "slash in a name": ("experiments: {a/b: {dataset: digits}}", "experiments: 'a/b'", "[a-z0-9]+"),
    "space in a name": ("experiments: {A b: {dataset: digits}}", "experiments: 'A b'", "[a-z0-9]+"),
    "dots as a name": ("datasets: {..: {source: folder, path: x}}", "datasets: '..'", "[a-z0-9]+"),
    "figure of an absent experiment": (
        "figures: {figure_02: {experiment: gone}}",
        "figures.figure_02: experiment 'gone'",
        "allowed: plain",
        "null",
    ),
    "figure of an absent experiment among others": (
        "figures: {figure_21: {experiments: [plain, gone]}}",
        "figures.figure_21: experiment 'gone'",
        "allowed: plain",
        "null",
    ),
    "seed that the experiment does not have": (
        "figures: {figure_04: {experiment: plain, seed: 7}}",
        "figures.figure_04.seed: 7 is not a seed of experiment 'plain'; allowed: 0",
    ),
    "more runs than seeds": (
        "figures: {figure_23: {experiment: plain, runs: 2}}",
        "figures.figure_23.runs: 2 is more than experiment 'plain' has; allowed: 1 to 1",
    ),
    "no runs": ("figures: {figure_23: {experiment: plain, runs: 0}}", "figures.figure_23.runs: 0", "minimum"),
    "heat maps of an experiment that resets nothing": (
        "{defaults: {reinitialise: {epochs: [], random: false}}, figures: {figure_18: {experiment: plain}}}",
        "figures.figure_18: experiment 'plain' resets nothing",
    ),
    "histograms of nothing": ("figures: {figure_09: {}}", "figures.figure_09: nothing named", "either"),
    "comparison of three": (
        "{experiments: {b: {dataset: digits}, c: {dataset: digits}},"
        " figures: {figure_22: {experiments: [plain, b, c]}}}",
        "figures.figure_22.experiments: 3 are named; expected 2 or 4",
    ),
    "comparison the wrong way round": (
        "{experiments: {b: {dataset: digits, schedule: {kind: smooth}}},"
        " figures: {figure_22: {experiments: [b, plain]}}}",
        "'b' has the smooth schedule; expected step here",
        "'plain' has the step schedule; expected smooth here",
    ),
    "setting of the computed figure": (
        "figures: {figure_03: {experiment: plain}}",
        "figures.figure_03.experiment: unknown key",
    ),
    "figure without experiment": ("figures: {figure_02: {}}", "figures.figure_02: key experiment is missing"),
    "pretrained network without source": (
        "pretrained: {net: {architecture: vgg16}}",
        "pretrained.net: key source is missing",
    ),
    "unknown source of a pretrained network": (
        "pretrained: {net: {architecture: vgg16, source: timm}}",
        "pretrained.net.source: 'timm'",
        "allowed: torchvision, matconvnet",
    ),
    "pretrained network of no known architecture": (
        "pretrained: {net: {architecture: lenet, source: torchvision}}",
        "pretrained.net.architecture: 'lenet'",
        "allowed: vgg11, vgg13, vgg16, vgg19, alexnet",
    ),
    "path of official weights": (
        "pretrained: {net: {architecture: vgg16, source: torchvision, path: x.pth}}",
        "pretrained.net.path: unknown key",
        "allowed: source, architecture, label, seed",
    ),
    "MatConvNet network without path": (
        "pretrained: {net: {architecture: vgg16, source: matconvnet}}",
        "pretrained.net: key path is missing",
    ),
    "pretrained network with the name of an experiment": (
        "pretrained: {plain: {architecture: vgg16, source: torchvision}}",
        "pretrained.plain: experiments.plain has the same name",
        "rename one",
    ),
    "not a number": ("defaults: {width: .nan}", "defaults.width: nan"),
    "infinite": ("defaults: {optimiser: {learning_rate: .inf}}", "defaults.optimiser.learning_rate: inf"),
}


@pytest.mark.parametrize(("changes", "expected"), [(c, e) for c, *e in BAD.values()], ids=BAD)
def test_bad_input_is_refused(changes, expected):
    message = refusal(changed(changes))
    for part in expected:
        assert part in message


@pytest.mark.parametrize("config", [None, [1], "text", 3])
def test_configuration_that_is_no_mapping_is_refused(config):
    assert f"the top level: {config!r}" in refusal(config)


def test_all_problems_are_listed_at_once():
    message = refusal(changed("defaults: {epochs: 0, width: 8, architecture: resnet}"))
    for key in ("defaults.epochs: 0", "defaults.width: 8", "defaults.architecture: 'resnet'"):
        assert key in message


@pytest.mark.parametrize(
    ("changes", "place", "keys"),
    [
        ("datasets: {other: {source: embedded}}", "datasets.other", ["variant", "train", "test"]),
        ("defaults: {architecture: null, epochs: null}", "experiments.plain", ["architecture", "epochs"]),
    ],
)
def test_all_missing_keys_are_named(changes, place, keys):
    message = refusal(changed(changes))
    assert place in message and "missing" in message
    assert [key for key in keys if key not in message] == []


def test_all_unknown_keys_are_named():
    message = refusal(changed("datasets: {digits: {trian: 100, tset: 50}}"))
    assert [key for key in ("trian", "tset") if key not in message] == []


def test_no_problem_is_listed_twice():
    lines = refusal(changed("datasets: {digits: 3}")).removeprefix("configuration: ").splitlines()
    assert len(lines) == len(set(lines))


def test_experiment_named_by_a_number_is_refused_also_beside_other_problems():
    message = refusal(changed("experiments: {1: {epochs: x}, plain: {epochs: y}}"))
    assert "experiments: 1 is not" in message


@pytest.mark.parametrize("key", ["epochs: 4.0", "seeds: [1.0]", "snapshots: [2.0]"])
def test_whole_number_with_a_decimal_point_is_refused_or_made_an_integer(key):
    try:
        plain = resolved_experiment(f"defaults: {{{key}}}")
    except InputError as error:
        assert f"defaults.{key.split(':')[0]}" in str(error)
    else:
        numbers = [plain["epochs"], *plain["seeds"], *plain["snapshots"]]
        assert {type(number) for number in numbers} == {int}


# Misspelt keys


def keys_of(config, path=()):
    """Paths of all keys that the schema names; those of data sets and experiments are free."""
    for key, value in config.items():
        if not path or path[-1] not in NAMED_BY_USER:
            yield (*path, key)
        if isinstance(value, dict):
            yield from keys_of(value, (*path, key))


# Every figure has the keys of its kind; the example has one of each.
ALIKE = {f"figure_{number:02}" for number in (5, 6, *range(8, 21), 22, 23, 24)} | {"pretrained"}


def known_keys(part):
    return part.get("properties", {}).keys() | {
        key for below in part.get("properties", {}).values() for key in known_keys(below)
    }


KNOWN = known_keys(SCHEMA).union(*map(known_keys, SCHEMA["$defs"].values()))


def test_example_has_every_key_of_the_schema():
    config = yaml.safe_load(EVERY_KEY)
    assert {path[-1] for path in keys_of(config)} | ALIKE == KNOWN
    resolve(config, SCHEMA)


@st.composite
def misspelling(draw, word):
    """The word with one character removed, replaced, inserted or swapped with the next."""
    place = draw(st.integers(0, len(word) - 1))
    letter = draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz_"))
    before, here, after = word[:place], word[place], word[place + 1 :]
    swapped = before + after[:1] + here + after[1:]
    wrong = [before + after, before + letter + after, before + letter + here + after, swapped]
    return draw(st.sampled_from(wrong))


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(list(keys_of(yaml.safe_load(EVERY_KEY)))), st.data())
def test_any_misspelt_key_is_refused_and_named(path, data):
    config = deepcopy(yaml.safe_load(EVERY_KEY))
    *above, key = path
    part = config
    for step in above:
        part = part[step]
    wrong = data.draw(misspelling(key))
    # One figure's name misspelt can be another's.
    assume(wrong not in part and wrong not in KNOWN)
    # Null would switch the key off, misspelt or not.
    part[wrong] = part.pop(key) or 1

    message = refusal(config)
    if key == "source":
        # Without it nothing tells which other keys are allowed.
        assert f"{'.'.join(above)}: key source is missing" in message
    else:
        assert f"{'.'.join([*above, wrong])}: unknown key; allowed: " in message
        assert "did you mean " in message
