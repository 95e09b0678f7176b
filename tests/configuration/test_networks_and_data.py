"""Keys that ask of a network, of its data or of a study what these do not have."""

import pytest
from configuration.configuration_examples import changed, refusal, resolved


def of(experiment):
    return f"experiments: {{plain: {{{experiment}}}}}"


@pytest.mark.parametrize(
    ("experiment", "message"),
    [
        (
            "architecture: fnn",
            "arrangements: fnn has no convolutions, which this study measures; remove the key",
        ),
        (
            "architecture: mlp, subspace: {kind: line}",
            "subspace.beta: mlp has no convolutions; set beta to 0",
        ),
        (
            "loss: {kind: nll}",
            "loss.kind: outputs of vgg11 are no log-probabilities; take cross_entropy, which is the same of",
        ),
        (
            "architecture: simple_conv, options: {output: logits}, loss: {kind: nll}",
            "loss.kind: outputs of simple_conv are no log-probabilities; set options.output to log_softmax",
        ),
        (
            "start: {file: weights.pt}, arrangements: {reinitialise: {epochs: [0], linear: true}}",
            "snapshots.weights: with `start` the seed alone does not make the linear layers of epoch 0, to",
        ),
        (
            "subspace: {kind: line}, arrangements: {reinitialise: {epochs: [0], linear: true}}",
            "snapshots.weights: with `subspace` the seed alone does not make the linear layers of epoch 0,",
        ),
    ],
)
def test_what_there_is_not_is_refused_before_any_job(experiment, message):
    assert f"experiments.plain.{message}" in refusal(changed(of(experiment)))


def test_a_network_of_images_is_refused_for_points():
    plane = "datasets: {plane: {source: points, variant: gauss}}\n" + of("dataset: plane")
    assert (
        "experiments.plain.architecture: vgg11 takes images (C, H, W), but the data are points (d,); take "
        "fnn, mlp, mlp_bn, or a network of your own"
    ) in refusal(changed(plane))


@pytest.mark.parametrize(
    "experiment",
    [
        "architecture: simple_conv, loss: {kind: nll}",
        "architecture: 'nets:Mine', loss: {kind: nll}, subspace: {kind: line}",
        "start: {file: weights.pt}, snapshots: {weights: all}, "
        "arrangements: {reinitialise: {epochs: [0], linear: true}}",
        "start: {file: weights.pt}, arrangements: {reinitialise: {epochs: [0]}}",
    ],
)
def test_what_there_is_is_not(experiment):
    assert "plain" in resolved(of(experiment)).experiments
