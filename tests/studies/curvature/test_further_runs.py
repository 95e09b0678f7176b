"""The authors' runs that no figure draws: their files resolve, over the paper's scale."""

import pytest
from configuration.configuration_examples import SCHEMA
from studies.test_all_studies import shipped

from anatomy.configuration.resolve import resolve


@pytest.mark.parametrize(("file", "count"), [("curvature-variants", 45), ("curvature-cifar", 10)])
def test_further_runs_resolve(file, count):
    files = ("studies/arrangements.yaml", "studies/curvature.yaml", "paper/curvature.yaml", f"{file}.yaml")
    resolved = resolve(shipped(*files), SCHEMA)
    measured = resolved.measured["curvature"]
    assert len(measured) == count
    assert all(len(resolved.experiments[name].seeds) == 1 for name in measured)
    for name, own in resolved.experiments.items():
        if own.start is not None and own.start.experiment is not None:
            assert own.start.experiment in resolved.experiments, name
