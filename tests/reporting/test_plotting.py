"""What all figures share: styles that tell curves apart, labels in lines."""

import pytest

from anatomy.reporting.plotting import experiment_style, in_lines


def test_ten_experiments_have_ten_styles():
    assert len({tuple(experiment_style(position).values()) for position in range(10)}) == 10


@pytest.mark.parametrize("width", [3.4, 7.0])
def test_long_labels_are_broken_and_lose_no_word(width):
    label = "VGG19 (width 1/8), 3,000 images of CIFAR-10, 100% label noise\ntrained here"
    lines = in_lines(label, width)
    assert lines.split() == label.split()
    assert max(map(len, lines.splitlines())) <= 16 * width
