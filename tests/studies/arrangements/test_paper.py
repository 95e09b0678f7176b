"""The list of the paper's figures, against the schema and the kinds that there are."""

import yaml
from conftest import ROOT

from anatomy.reporting.figures import EXPERIMENTS, NOTHING, FigureChecks
from anatomy.reporting.kinds import kinds
from anatomy.studies.arrangements.paper import FIGURES
from anatomy.studies.arrangements.settings import FIGURE_CHECKS

SCHEMA = yaml.safe_load((ROOT / "workflow" / "schemas" / "config.schema.yaml").read_text())


def test_every_figure_of_the_paper_is_listed_with_the_kind_that_the_schema_gives_it():
    expected = {*(f"figure_{number:02}" for number in range(1, 25)), "figure_polarity"}
    listed = SCHEMA["properties"]["figures"]["properties"]
    assert FIGURES.keys() == listed.keys() == expected
    for name, figure in FIGURES.items():
        assert listed[name]["$ref"] == f"#/$defs/{figure.kind}"
        assert kinds()[figure.kind].module == f"anatomy.studies.arrangements.figures.{figure.kind}"
    pretrained = [name for name, figure in FIGURES.items() if figure.pretrained]
    assert pretrained == ["figure_01", *(f"figure_{number:02}" for number in range(9, 15))]


def test_what_figures_need_is_what_the_schema_lets_the_configuration_name():
    for figure in FIGURES.values():
        keys = SCHEMA["$defs"][figure.kind]["properties"].keys()
        assert (figure.needs == NOTHING) == (not keys)
        assert (figure.needs == EXPERIMENTS) == ("experiments" in keys)
        checks = FIGURE_CHECKS.get(figure.kind, FigureChecks())
        assert checks.pretrained == ("pretrained" in keys)
        assert not figure.pretrained or checks.pretrained
