"""The interval of a difference of biases, against standard errors by hand."""

import numpy as np
import pytest

from anatomy.studies.arrangements.evidence import bias_difference_interval, mean_bias


def test_difference_of_distances_from_one_half():
    low, high = bias_difference_interval([(95, 100)], [(50, 100)])
    assert 0.3 < low < 0.45 - 0.04 < high < 0.5
    swapped = bias_difference_interval([(50, 100)], [(95, 100)])
    np.testing.assert_allclose(swapped, [-high, -low], atol=0.02)
    assert bias_difference_interval([(8, 8)], [(0, 8)]) == (0, 0)


def test_biases_of_seeds_are_averaged_without_their_sign():
    assert mean_bias([(0, 8), (8, 8), (4, 8)]) == pytest.approx(1 / 3)
    low, high = bias_difference_interval([(10, 100), (90, 100)], [(50, 100)] * 2)
    # Standard error of each seed: sqrt(0.09 / 100) = 0.03, of their mean 0.021; the other about 0.02.
    assert 0.25 < low < 0.4 - 0.04
    assert 0.36 < high < 0.45
    one = bias_difference_interval([(90, 100)], [(50, 100)])
    four = bias_difference_interval([(90, 100)] * 4, [(50, 100)] * 4)
    assert four[1] - four[0] == pytest.approx((one[1] - one[0]) / 2, rel=0.1)
