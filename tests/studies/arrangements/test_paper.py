"""The list of the paper's figures, against the kinds that there are and what the schema asks of them."""

import yaml
from conftest import ROOT

from anatomy.reporting.figures import EXPERIMENTS, NOTHING, FigureChecks
from anatomy.reporting.kinds import kinds
from anatomy.studies.arrangements.paper import FIGURES
from anatomy.studies.arrangements.settings import FIGURE_CHECKS

SCHEMA = yaml.safe_load((ROOT / "workflow" / "schemas" / "arrangements.schema.yaml").read_text())
KINDS = SCHEMA["$defs"]["figures"]


def test_every_figure_of_the_paper_is_listed_with_a_kind_of_this_study():
    assert FIGURES.keys() == {*(f"figure_{number:02}" for number in range(1, 25)), "figure_polarity"}
    for figure in FIGURES.values():
        assert kinds()[figure.kind].study == "arrangements"
    pretrained = [name for name, figure in FIGURES.items() if figure.pretrained]
    assert pretrained == ["figure_01", *(f"figure_{number:02}" for number in range(9, 15))]


def test_the_schema_has_the_keys_of_every_kind():
    assert KINDS.keys() == {name for name, kind in kinds().items() if kind.study == "arrangements"}


def test_what_figures_need_is_what_the_schema_lets_the_configuration_name():
    for figure in FIGURES.values():
        keys = KINDS[figure.kind].get("properties", {}).keys()
        assert (figure.needs == NOTHING) == (not keys)
        assert (figure.needs == EXPERIMENTS) == ("experiments" in keys)
        checks = FIGURE_CHECKS.get(figure.kind, FigureChecks())
        assert checks.pretrained == ("pretrained" in keys)
        assert not figure.pretrained or checks.pretrained
