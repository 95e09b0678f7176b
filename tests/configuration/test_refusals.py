"""Bad configurations are refused: each message names key, value and what is allowed."""

import pytest
from configuration_examples import changed, refusal, resolved_experiment

from anatomy.runtime.errors import InputError
from anatomy.runtime.settings import snapshot_epochs

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
        "allowed: like, dataset, seeds, threads, architecture",
        "did you mean seeds?",
    ),
    "unknown nested key": (
        "experiments: {plain: {optimiser: {learningrate: 0.1}}}",
        "experiments.plain.optimiser.learningrate: unknown key",
        "allowed: kind, learning_rate, momentum, weight_decay",
        "did you mean learning_rate?",
    ),
    "unknown key of a data set": (
        "datasets: {digits: {trian: 5}}",
        "datasets.digits.trian: unknown key",
        "did you mean train?",
    ),
    "unknown key like no other": ("zzz: 1", "zzz: unknown key", "allowed: device, runs_per_gpu, data"),
    "unknown figure": (
        "figures: {figure_1: {experiment: plain}}",
        "figures.figure_1 is no figure of a paper, did you mean figure_01?",
        "needs a kind; allowed: ",
    ),
    "unknown study": ("studies: {arangements: {}}", "studies.arangements: unknown key", "mean arrangements?"),
    "number for studies": ("studies: 3", "studies: 3", "object"),
    "number for a study": ("studies: {arrangements: 3}", "studies.arrangements: 3", "object"),
    "number for a study of an experiment": (
        "experiments: {plain: {arrangements: 3}}",
        "experiments.plain.arrangements: 3",
        "object",
    ),
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
        "did you mean resnet50 or resnet34 or resnet18? allowed: alexnet, all_convolutional, cifar_resnet_8",
    ),
    "network of one width only": (
        "experiments: {plain: {architecture: densenet121, width: 0.5}}",
        "experiments.plain.width: densenet121 has one width only",
        "vgg19, vgg11bn",
    ),
    "unknown schedule": (
        "defaults: {schedule: {kind: cosinus}}",
        "defaults.schedule.kind: 'cosinus'",
        "allowed: constant, cosine, cycles, milestones, smooth, step, swa_constant, swa_cyclic",
    ),
    "unknown data set": (
        "experiments: {plain: {dataset: mnist}}",
        "experiments.plain.dataset: 'mnist'",
        "allowed: digits",
    ),
    "unknown source": (
        "datasets: {digits: {source: web}}",
        "datasets.digits.source: 'web'",
        "allowed: embedded, folder, images, points, tiny_imagenet, torchvision, or package.module:name",
    ),
    "malformed network of one's own": (
        "experiments: {plain: {architecture: 'mine.nets:'}}",
        "experiments.plain.architecture: 'mine.nets:' names no code of your own; "
        "expected package.module:name",
    ),
    "malformed source of one's own": (
        "datasets: {digits: {source: 'mine data:make'}}",
        "datasets.digits.source: 'mine data:make' is not allowed",
        "or package.module:name",
    ),
    "number for a source": ("datasets: {digits: {source: 3}}", "datasets.digits.source: 3 is not allowed"),
    "key of a named source beside one's own": (
        "datasets: {mine: {source: 'mine.data:make', train: 9}}",
        "datasets.mine.train: unknown key; allowed: source, label, options",
    ),
    "options of a source that has none": (
        "datasets: {digits: {options: {}}}",
        "datasets.digits.options: unknown key",
    ),
    "class subset without count": (
        "defaults: {class_subset: {seed: 1}}",
        "defaults.class_subset: key count is missing",
    ),
    "unknown order": ("defaults: {order: random}", "order: 'random'", "allowed: drawn, stored"),
    "unknown optimiser": ("defaults: {optimiser: {kind: lion}}", "kind: 'lion'", "allowed: sgd, adam"),
    "unknown upscaling": ("defaults: {upscaling: big}", "upscaling: 'big'", "allowed: plain, padded"),
    "list for options": ("defaults: {options: [1]}", "defaults.options: [1]", "object"),
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
        "defaults: {arrangements: {reinitialise: {epochs: [9]}}}",
        "experiments.plain.arrangements.reinitialise.epochs: epoch 9",
        "allowed: 0 to 4",
    ),
    "reset without a snapshot": (
        "defaults: {snapshots: [1], arrangements: {reinitialise: {epochs: [1, 2]}}}",
        "experiments.plain.arrangements.reinitialise.epochs: epoch 2 has no snapshot",
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
        "defaults: {arrangements: {reinitialise: {epochs: [1], random: false, linear: true}}}",
        "experiments.plain.arrangements.reinitialise.linear: there is nothing to reset linear layers to",
    ),
    "number of random draws": (
        "defaults: {arrangements: {reinitialise: {random: 1.5}}}",
        "defaults.arrangements.reinitialise.random: 1.5 is not of type boolean or integer",
    ),
    "reset twice": (
        "defaults: {arrangements: {reinitialise: {epochs: [2, 2]}}}",
        "experiments.plain.arrangements.reinitialise.epochs: 2 is listed twice",
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
    "less than nothing held out": (
        "defaults: {validation_fraction: -0.1}",
        "validation_fraction: -0.1",
        "minimum of 0",
    ),
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
        "figures.figure_04.seed: 7 is not a seed of experiment 'plain'; allowed: 0; "
        "figures.figure_04: null switches the figure off",
    ),
    "more runs than seeds": (
        "figures: {figure_23: {experiment: plain, runs: 2}}",
        "figures.figure_23.runs: 2 is more than experiment 'plain' has; allowed: 1 to 1; "
        "figures.figure_23: null switches the figure off",
    ),
    "no runs": ("figures: {figure_23: {experiment: plain, runs: 0}}", "figures.figure_23.runs: 0", "minimum"),
    "heat maps of an experiment that resets nothing": (
        "{defaults: {arrangements: {reinitialise: {epochs: [], random: false}}},"
        " figures: {figure_18: {experiment: plain}}}",
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
        "studies: {arrangements: {pretrained: {net: {architecture: vgg16}}}}",
        "studies.arrangements.pretrained.net: key source is missing",
    ),
    "unknown source of a pretrained network": (
        "studies: {arrangements: {pretrained: {net: {architecture: vgg16, source: timm}}}}",
        "studies.arrangements.pretrained.net.source: 'timm'",
        "allowed: torchvision, matconvnet",
    ),
    "pretrained network of no known architecture": (
        "studies: {arrangements: {pretrained: {net: {architecture: lenet, source: torchvision}}}}",
        "studies.arrangements.pretrained.net.architecture: 'lenet'",
        "allowed: vgg11, vgg13, vgg16, vgg19, alexnet",
    ),
    "path of official weights": (
        "studies: {arrangements: {pretrained: {net: {architecture: vgg16, source: torchvision, path: x}}}}",
        "studies.arrangements.pretrained.net.path: unknown key",
        "allowed: source, architecture, label, seed",
    ),
    "MatConvNet network without path": (
        "studies: {arrangements: {pretrained: {net: {architecture: vgg16, source: matconvnet}}}}",
        "studies.arrangements.pretrained.net: key path is missing",
    ),
    "pretrained network with the name of an experiment": (
        "studies: {arrangements: {pretrained: {plain: {architecture: vgg16, source: torchvision}}}}",
        "studies.arrangements.pretrained.plain: experiments.plain has the same name",
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
    ("changes", "where", "keys"),
    [
        ("datasets: {other: {source: embedded}}", "datasets.other", ["variant", "train", "test"]),
        ("defaults: {architecture: null, epochs: null}", "experiments.plain", ["architecture", "epochs"]),
    ],
)
def test_all_missing_keys_are_named(changes, where, keys):
    message = refusal(changed(changes))
    assert where in message and "missing" in message
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
        numbers = [plain.epochs, *plain.seeds, *snapshot_epochs(plain)]
        assert {type(number) for number in numbers} == {int}


def test_problems_of_an_experiment_are_listed_in_this_order():
    message = refusal(
        changed("""
        defaults: {snapshots: [2, 2, 9], seeds: [1, 1]}
        experiments:
          plain: {dataset: gone, arrangements: {reinitialise: {epochs: [3, 3], random: false, linear: true}}}
        """)
    )
    assert message.splitlines() == [
        "configuration: experiments.plain.dataset: 'gone' is not a data set; allowed: digits",
        "experiments.plain.arrangements.reinitialise.linear: there is nothing to reset linear layers to; "
        "list epoch 0 in reinitialise.epochs, or set reinitialise.random",
        "experiments.plain.seeds: 1 is listed twice; expected distinct values",
        "experiments.plain.snapshots: 2 is listed twice; expected distinct values",
        "experiments.plain.arrangements.reinitialise.epochs: 3 is listed twice; expected distinct values",
        "experiments.plain.snapshots: epoch 9 is past the end; allowed: 0 to 4 (epochs)",
        "experiments.plain.arrangements.reinitialise.epochs: epoch 3 has no snapshot; allowed: 0, 2, 4, 9",
    ]
