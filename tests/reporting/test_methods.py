"""The methods text of the report, rendered for configurations made up here."""

import jinja2
import pytest
import yaml
from configuration.configuration_examples import SCHEMA
from conftest import ROOT
from docutils.core import publish_string
from snakemake.utils import update_config

from anatomy.configuration.resolve import resolve
from anatomy.configuration.studies import STUDIES

TEMPLATE = (ROOT / "workflow" / "report" / "methods.rst").read_text()
CONFIG = """
datasets:
  digits: {source: embedded, variant: digits-rgb, train: 100, test: 50}
defaults:
  {architecture: vgg11, epochs: 4, seeds: [0], arrangements: {reinitialise: {epochs: [], random: false}}}
experiments:
  one: {dataset: digits}
"""


def text(changes="{}"):
    """The methods of this configuration with changes, as lines of plain words; no warning of docutils."""
    config = yaml.safe_load(CONFIG)
    update_config(config, yaml.safe_load(changes))
    found = resolve(config, SCHEMA)
    resolved = {
        "studies": list(found.studies),
        "experiments": {name: own.complete() for name, own in found.experiments.items()},
        "datasets": {name: own.complete() for name, own in found.datasets.items()},
        "pretrained": {},
    }
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    written = environment.from_string(TEMPLATE).render(resolved=resolved)
    publish_string(written, writer="null", settings_overrides={"halt_level": 2, "report_level": 2})
    return " ".join(written.split())


def test_the_plain_run_says_what_it_did_and_nothing_else():
    words = text()
    assert words.startswith("Anatomy of trained networks ===")
    assert f"Studies of this run: {', '.join(STUDIES)}." in words
    assert "- Stochastic gradient descent with momentum: all experiments." in words
    assert "- Without batch normalisation, with dropout of one half in the classifier: all" in words
    for other in ("Adam", "(smooth)", "[0, 1]", "Reinitialisation", "Label noise", "Shuffled", "library"):
        assert other not in words
    assert "arrangements (reinitialise (epochs none, random no, linear no))" in words


@pytest.mark.parametrize(
    ("changes", "said", "unsaid"),
    [
        ("{optimiser: {kind: adam}}", "- Adam: two.", "gradient descent with momentum: all"),
        ("{architecture: resnet18}", "- Batch normalisation and dropout as the library", "Adam"),
        ("{architecture: vgg11bn}", "- With batch normalisation, and dropout of one half", "library"),
        ("{architecture: 'nets:Mine', options: {a: 1}}", "architecture ``nets:Mine``; options (a 1)", "Adam"),
        ("{initialisation: {kind: normal}}", "from a normal distribution", "library"),
        ("{validation_fraction: 0}", "are those of the test images: two.", "library"),
        ("{schedule: {kind: smooth}}", "spread evenly over so many epochs (smooth): two.", "library"),
        ("{snapshots: {weights: all}}", "- The whole network was kept as snapshots", "library"),
        ("{label_noise: {fraction: 0.5}}", "**Label noise** (two): 50 %", "Shuffled"),
        ("{label_noise: {fraction: 0.5}}", "before training, once for each seed, by a class", "once for all"),
        ("{label_noise: {fraction: 0.5, seed: 3}}", "before training, once for all seeds, by a", "each seed"),
        ("{label_noise: {fraction: 0.5}, noise_seed: 3}", "once for all seeds, by a class", "each seed"),
        ("{label_noise: {kind: permuted}}", "**Permuted labels** (two): the training labels", "Label noise"),
        ("{pixels: raw}", "- Inputs are as they are in the data set, pixels from 0 to 255: two.", "library"),
        (
            "{arrangements: {reinitialise: {epochs: [0]}}}",
            "**Reinitialisation** (two). Each convolution of",
            "linear layer of",
        ),
        (
            "{arrangements: {reinitialise: {epochs: [0], linear: true}}}",
            "Each convolution or linear layer of the trained",
            "library",
        ),
    ],
)
def test_facts_are_those_of_the_settings(changes, said, unsaid):
    own = {"dataset": "digits", **yaml.safe_load(changes)}
    words = text(yaml.safe_dump({"experiments": {"two": own}}))
    assert said in words
    assert unsaid not in words


def test_a_network_of_linear_layers_is_trained_for_what_starts_from_it():
    """The study that is on measures convolutions."""
    two = {"dataset": "digits", "architecture": "mlp_bn", "width": 0.01, "arrangements": None}
    one = {"architecture": "nets:Mine", "width": 0.01, "start": {"experiment": "two"}}
    words = text(yaml.safe_dump({"experiments": {"one": one, "two": two}}))
    assert "Linear layers only, with batch normalisation and dropout of 0.2: two." in words


def test_a_data_source_of_ones_own_is_named():
    words = text("datasets: {mine: {source: 'stripes:make', options: {images: 80}, label: stripes}}")
    assert "- **stripes** (mine): made by ``stripes:make`` (images 80)" in words
    assert "image files" not in words


@pytest.mark.parametrize("label", ["-x", "- x", "--output", "* x", "1. x", ".. x::", "x::", "|x|", "_x_"])
def test_a_label_is_text_whatever_it_begins_with(label):
    words = text(yaml.safe_dump({"datasets": {"digits": {"label": label}}}))
    written = "".join(each if each.isalnum() or each == " " else f"\\{each}" for each in label)
    assert f"- **{written}** (digits): made from scikit-learn's handwritten digits" in words


def test_points_and_what_is_kept_of_a_data_set_are_named():
    words = text(
        "datasets: {blobs: {source: points, variant: gauss, classes: [0, 2], per_class: {train: 9}}}"
    )
    assert "(blobs): points, variant gauss, classes 0, 2, of each class (train 9)" in words


def test_without_a_study_its_paragraph_is_not_there():
    words = text(f"studies: {{{', '.join(f'{study}: null' for study in STUDIES)}}}")
    assert "No study is on in this run." in words
    assert "Hyperplane" not in words and "Experiments" not in words
