"""What a configuration asks of its data that does not go together is refused before any job."""

import pytest
from configuration_examples import changed, refusal, resolved, resolved_experiment

BLOBS = "datasets: {digits: null, blobs: {source: points, variant: gauss}}\n"
PLAIN = "experiments: {plain: {dataset: blobs, %s}}"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            BLOBS + PLAIN % "upscaling: plain",
            "experiments.plain.upscaling: the data set has points",
        ),
        (
            BLOBS + PLAIN % "pixel_shuffle: true",
            "experiments.plain.pixel_shuffle: the data set has points and",
        ),
        (
            BLOBS + PLAIN % "pixels: unit",
            "experiments.plain.pixels: unit is for images; points are standardis",
        ),
        (
            BLOBS + PLAIN % "augmentation: {rotate: 20}",
            "experiments.plain.augmentation.rotate: the data set has points and no images; remove the key",
        ),
        (
            BLOBS + PLAIN % "augmentation: {random_resized_crop: true}",
            "experiments.plain.augmentation.random_resized_crop: the data set has points and no images",
        ),
        ("datasets: {digits: null, blobs: {source: points}}", "datasets.blobs: key variant is missing"),
        (
            "datasets: {digits: {mean: [0.5]}}",
            "datasets.digits: 'std' is a dependency of 'mean'",
        ),
        ("datasets: {digits: {classes: []}}", "datasets.digits.classes: [] should be non-empty"),
        ("datasets: {digits: {classes: [1, 1]}}", "datasets.digits.classes: [1, 1] has non-unique"),
        ("datasets: {digits: {per_class: 3}}", "datasets.digits.per_class: 3 is not of type object"),
        (
            "datasets: {digits: {per_class: {train: 0}}}",
            "datasets.digits.per_class.train: 0 is less than the",
        ),
        (
            "defaults: {label_noise: {kind: permuted, fraction: 0.5}}",
            "experiments.plain.label_noise.fraction: 0.5 of the labels cannot be permuted",
        ),
        (
            "defaults: {label_noise: {kind: permuted, exact: true}}",
            "experiments.plain.label_noise.exact: kind permuted permutes all labels; remove the key",
        ),
        (
            "defaults: {label_noise: {kind: wrong, groups: [[0, 1]]}}",
            "experiments.plain.label_noise.groups: kind wrong has none; set kind to permuted",
        ),
        (
            "defaults: {augmentation: {rotate: 181}}",
            "defaults.augmentation.rotate: 181 is greater than the m",
        ),
    ],
)
def test_it_is_refused_and_named(changes, message):
    assert message in refusal(changed(changes))


def test_what_goes_together_is_not():
    keys = "architecture: 'nets:Mine', pixels: raw, augmentation: {shift: 0, flip: false}"
    plain = resolved(BLOBS + PLAIN % keys).experiments["plain"]
    assert plain.pixels == "raw"
    for noise in ("{kind: permuted}", "{kind: permuted, fraction: 1, groups: [[0, 1], [two]], seed: 28}"):
        assert resolved_experiment(f"defaults: {{label_noise: {noise}}}").label_noise.kind == "permuted"
    settings = resolved(
        "datasets: {digits: {classes: [0, '1'], per_class: {train: 4}, mean: [0.5], std: [0.2]}}"
    ).datasets["digits"]
    assert (settings.classes, settings.per_class.train) == ((0, "1"), 4)
    assert (settings.per_class.test, settings.mean) == (None, (0.5,))
