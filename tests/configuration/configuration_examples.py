"""Configurations that the tests start from, and what the code makes of them."""

import pytest
import yaml
from conftest import ROOT
from snakemake.utils import update_config

from anatomy.configuration.resolve import resolve
from anatomy.runtime.errors import InputError
from anatomy.runtime.schema import read_schemas

SCHEMA = read_schemas(ROOT / "workflow" / "schemas" / "config.schema.yaml")

MINIMAL = """
datasets:
  digits: {source: embedded, variant: digits-rgb, train: 100, test: 50}
defaults: {architecture: vgg11, epochs: 4, seeds: [0], arrangements: {}}
experiments:
  plain: {dataset: digits}
"""

# Every key that the schema knows, so that a key's siblings here are all that is allowed beside it.
EVERY_KEY = """
device: cpu
runs_per_gpu: 2
data: data
save_every: 30
pathvars: {results: results}
only: [plain, other, unturned, milestones, swa, simplex]
datasets:
  digits:
    {source: embedded, label: Digits, variant: digits-grey, train: 100, test: 50, seed: 1, polarity: both}
  cifar: {source: torchvision, label: CIFAR-10, official: CIFAR10, polarity: single,
    stand_in: {path: images.tar, encoding: copies, channels: 3, homepage: here}}
  images: {source: folder, label: Images, path: images.tar, channels: 3, sha256: null, homepage: here,
    encoding: copies, polarity: single}
  imagenet: {source: images, label: ImageNet, path: imagenet, train_folder: train, test_folder: val, train: 9,
    test: 9, resize: 256, crop: 224, mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2], homepage: here}
  tiny: {source: tiny_imagenet, label: TinyImageNet, path: tiny.zip, homepage: here}
  own: {source: "mine.data:make", label: Mine, options: {rows: 3}}
  plane: {source: points, label: Plane, variant: gauss, classes: [0, "2"], per_class: {train: 9, test: 9}}
defaults: &experiment
  dataset: digits
  architecture: "nets:Mine"
  options: {depth: 3}
  width: 0.5
  dropout: 0.2
  threads: 2
  trainable: [conv]
  batch_norm: {frozen_after: 2}
  evaluate_every: 2
  keep_state: true
  initialisation: {kind: normal, std: 0.1}
  start: {experiment: null, file: weights.pt, take: norm, head: new}
  epochs: 4
  batch_size: 32
  precision: float32
  pixels: unit
  upscaling: plain
  class_subset: {count: 5, seed: 3}
  label_noise: {fraction: 1, kind: permuted, groups: [[0, 1]], exact: false, seed: 1}
  pixel_shuffle: true
  noise_seed: 3
  augmentation: {shift: 2, flip: false, rotate: 10, random_resized_crop: false}
  validation_fraction: 0.2
  split_seed: 1
  split: {shuffle: true, stratified: true}
  order: stored
  loss: {kind: cross_entropy, smoothing: 0.1}
  optimiser: {kind: sgd, learning_rate: 0.1, momentum: 0.5, weight_decay: 0.0, decay: matrices}
  schedule: {kind: step, every: 2, factor: 0.5, warmup: 1}
  snapshots: {epochs: all, weights: all}
  seeds: [0, 1]
  arrangements:
    reinitialise: {epochs: [0, 2], random: true, linear: false}
  curvature:
    eigenpairs: 5
    spectrum: density
    products: 20
    epochs: [0, 2]
    gradient: class
    gradient_class: 1
    maps: 50
    margin_steps: 10
    loss_plane: true
    reparametrise: [2, 0.5]
    embedding: true
    inputs: 10
    batch: 5
  invariance:
    angles: 4
    jitter: 0.5
    transformations: {scale: 3, translation: 3, combined: [2, 2, 2], images: 10}
    local: true
    aggregations: [max]
    images: 20
    layers: [c1]
    sums: float64
    mask: true
    artefacts: false
    variant: published
    seed: 1
  subspaces: {points: 5, random_points: 2, average: [], recalibration: augmented, between: [], endpoint: 0.7,
    plane: 0, barrier: 0, evaluated: true, corruptions: {path: c, types: [fog], severities: [1]}}
experiments:
  plain: *experiment
  other: {like: plain, order: drawn}
  unturned: {like: plain, augmentation: {rotate: 0}}
  simplex:
    like: plain
    batch_norm: null
    subspace: {kind: simplex, corners: 3, layerwise: true, beta: 0.5, num_samples: 2}
  milestones: {like: plain, schedule: {kind: milestones, every: null, milestones: [1]}}
  swa:
    like: plain
    stop: {train_accuracy: 1.0}
    snapshots: []
    arrangements: {reinitialise: {epochs: [0]}}
    curvature: {epochs: [0]}
    schedule: {kind: swa_cyclic, every: null, factor: null, cycles: 2, swa_rate: 0.1}
    keep_state: false
studies:
  arrangements:
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
  figure_09: {pretrained: theirs}
  figure_21: {experiments: [plain]}
  figure_polarity: {experiments: [plain]}
  curvature_figure_2: {experiments: [plain], directions: 3}
  invariance_layers: {experiments: [unturned, plain]}
  subspaces_figure_5: {experiments: [simplex]}
  mine: {kind: dynamics, experiment: other}
"""
# Mappings whose keys are the user's.
NAMED_BY_USER = ("datasets", "experiments", "pretrained", "figures", "options")


def changed(changes, config=MINIMAL):
    """The configuration with YAML `changes` merged in; null removes a key."""
    merged = yaml.safe_load(config)
    update_config(merged, yaml.safe_load(changes))
    return merged


def refusal(config):
    with pytest.raises(InputError) as caught:
        resolve(config, SCHEMA)
    return str(caught.value)


def resolved(changes, config=MINIMAL):
    return resolve(changed(changes, config), SCHEMA)


def resolved_experiment(changes):
    return resolved(changes).experiments["plain"]
