"""How many eigenvalues are outliers, by one rule for all networks.

The paper counts bins of a histogram beyond limits set by hand for every network. Here an eigenvalue is an
outlier if it is larger than a tenth of the largest:

    #{ i : lambda_i > lambda_1 / 10 }

By the values that the paper prints this gives its counts for four of its five networks (gauss normal 2,
adversarial 3, large norm 1; MNIST normal 4, but 2 for its adversarial 4). `FRACTIONS` are a half and a double
of it.
"""

import numpy as np

FRACTION = 0.1
FRACTIONS = (0.05, FRACTION, 0.2)


def outliers(values: np.ndarray, fraction: float = FRACTION) -> int:
    """Return how many of the eigenvalues are larger than `fraction` of the largest; 0 if none is positive.

    Of the top eigenvalues alone there may be more if all of them are.
    """
    largest = np.nanmax(values)
    return int((values > fraction * largest).sum()) if largest > 0 else 0
