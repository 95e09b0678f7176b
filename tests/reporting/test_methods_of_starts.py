"""The methods text knows what a run starts from, and what subspace it trains."""

import pytest
from test_methods import text


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (
            "start: {experiment: one}",
            "**Start** (two): each run begins with the final weights of the run of the same seed of one.",
        ),
        (
            "start: {experiment: one, take: norm}",
            "begins with its initialisation, scaled to the norm of the final weights of the run of the same",
        ),
        ("start: {file: a.pt, head: new}", "begins with the weights in a.pt, its last layer excepted."),
        (
            "subspace: {kind: line}",
            "**Subspace** (two): each run trains a line of networks; beta is 1.0. The network measured is",
        ),
        (
            "subspace: {kind: simplex, corners: 4, layerwise: true, beta: 0.5}",
            "a simplex of 4 corners of networks, with a random point for each layer; beta is 0.5.",
        ),
    ],
)
def test_the_methods_say_it(own, said):
    words = text(f"experiments: {{two: {{like: one, {own}}}}}")
    assert said in words
    assert "**Start** (one)" not in words
    assert "**Subspace** (one)" not in words


def test_without_the_keys_nothing_is_said():
    assert "**Start**" not in text()
    assert "**Subspace**" not in text()
