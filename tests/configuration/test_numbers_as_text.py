"""A number that arrives as text is refused with what to do about it."""

import pytest
import yaml
from configuration.configuration_examples import SCHEMA

from anatomy.configuration.resolve import resolve
from anatomy.runtime.errors import InputError

CONFIG = """
datasets: {digits: {source: embedded, variant: digits-rgb, train: 100, test: 50}}
experiments:
  one:
    {dataset: digits, architecture: vgg11, epochs: 1, seeds: [0], arrangements: {},
     optimiser: {learning_rate: "%s"}}
"""


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("0.02", "'0.02' is not of type number; it is text: write it without quotes"),
        ("1e-3", "'1e-3' is not of type number; YAML reads 1e-3 as text, write 1.0e-3"),
    ],
)
def test_the_hint_is_about_what_was_written(text, hint):
    with pytest.raises(InputError, match=hint):
        resolve(yaml.safe_load(CONFIG % text), SCHEMA)
