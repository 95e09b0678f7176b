"""Labels of experiments: network, data set, and what is unusual about them."""

import pytest
from configuration_examples import SCHEMA, resolved_experiment

from anatomy.configuration.labels import label, labels_of
from anatomy.runtime.settings import Settings


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
        ({"label_noise": {"fraction": 0.5}}, "VGG19, RGB digits, 50% label noise"),
        ({"label_noise": {"kind": "permuted"}}, "VGG19, RGB digits, permuted labels"),
        ({"pixels": "raw"}, "VGG19, RGB digits, pixels in [0, 255]"),
        ({"pixels": "raw", "dataset": "blobs"}, "VGG19, three blobs"),
        ({"pixel_shuffle": True}, "VGG19, RGB digits, shuffled pixels"),
        ({"initialisation": {"kind": "normal", "std": 0.01}}, "VGG19, RGB digits, weights from N(0, 0.01²)"),
    ],
)
def test_label_names_network_and_data_set(keys, text):
    experiment = resolved_experiment("defaults: {architecture: vgg19}").changed(**{"dataset": "rgb", **keys})
    embedded = SCHEMA["$defs"]["embedded"]
    datasets = {"rgb": Settings({"label": "RGB digits"}, embedded), "unnamed": Settings({}, embedded)}
    blobs = {"source": "points", "label": "three blobs"}
    datasets["blobs"] = Settings(blobs, SCHEMA["$defs"]["points"])
    assert label(experiment, datasets) == text


@pytest.mark.parametrize(
    ("keys", "texts"),
    [
        ({"loss": {"kind": "squared_error"}}, ("loss cross entropy", "loss squared error")),
        ({"optimiser": {"learning_rate": 0.02}}, ("learning rate 0.01", "learning rate 0.02")),
        ({"options": {"output": "log_softmax"}}, ("", "output log softmax")),
        ({"precision": "bf16"}, ("precision float32", "precision bf16")),
        ({"epochs": 7, "seeds": [1, 2]}, ("", "")),
    ],
)
def test_experiments_that_read_alike_say_what_they_do_not_share(keys, texts):
    plain = resolved_experiment("defaults: {architecture: vgg19}").changed(
        dataset="rgb", optimiser={"learning_rate": 0.01}
    )
    datasets = {"rgb": Settings({"label": "RGB digits"}, SCHEMA["$defs"]["embedded"])}
    experiments = {
        "plain": plain,
        "other": plain.changed(**keys),
        "wide": plain.changed(width=2.0, **keys),
    }
    labels = labels_of(experiments, datasets)
    expected = [f"VGG19, RGB digits{f', {text}' * bool(text)}" for text in texts]
    assert list(labels.values()) == [*expected, "VGG19 (width 2), RGB digits"]
