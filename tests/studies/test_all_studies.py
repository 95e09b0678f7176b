"""Every study is whole: configuration, schema, page and tests; its figures draw, its claims go all ways.

What is drawn, judged and tabulated is made up in `tests/studies/<study>/made_up.py`: `tables(kind)` and
`options(kind)` of each kind of figure, `claim_cases()` with (id, evidence by figure, verdict) if there are
claims, and `layers()`.
"""

import pkgutil
import re
from importlib import import_module

import matplotlib.pyplot as plt
import numpy as np
import pytest
import yaml
from configuration.configuration_examples import SCHEMA
from conftest import ROOT
from matplotlib.figure import Figure
from snakemake.utils import update_config

from anatomy import studies
from anatomy.configuration.resolve import resolve
from anatomy.configuration.studies import STUDIES
from anatomy.reporting.claims import NOT_TESTED, VERDICTS, judge
from anatomy.reporting.kinds import kind_of, kinds
from anatomy.reporting.tables import LAYERS
from anatomy.reporting.uses import claiming_studies, uses_of

NAMES = [each.name for each in pkgutil.iter_modules(studies.__path__)]
KINDS = sorted((kind.study, name) for name, kind in kinds().items())


def made_up(study):
    """What the tests of a study make up."""
    return import_module(f"studies.{study}.made_up")


def shipped(*files):
    """The configuration of these files of config/ over what all studies share."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    for file in files:
        update_config(config, yaml.safe_load((ROOT / "config" / file).read_text()))
    return config


def test_there_are_studies_and_each_is_found():
    assert NAMES and list(STUDIES) == NAMES


@pytest.mark.parametrize("study", NAMES)
def test_the_shipped_configuration_resolves(study):
    """Alone, beside all others, and at the scale of the paper."""
    others = [f"studies/{other}.yaml" for other in NAMES]
    for files in ([f"studies/{study}.yaml"], others, [*others, f"paper/{study}.yaml"]):
        config = shipped(*files)
        if files != others:
            # What it adds to experiments of other studies that are not there, and what draws them.
            added = [name for name, own in config["experiments"].items() if own and own.keys() <= {*NAMES}]
            config["experiments"] = {n: own for n, own in config["experiments"].items() if n not in added}
            config["figures"] = {
                name: own
                for name, own in config["figures"].items()
                if own is None or not {*added} & {*own.get("experiments", ()), own.get("experiment")}
            }
        resolved = resolve(config, SCHEMA)
        assert study in resolved.studies
        assert resolved.measured[study]
        drawn = {name for name, figure in resolved.figures.items() if figure.study == study}
        assert drawn <= STUDIES[study].paper.FIGURES.keys()


@pytest.mark.parametrize("study", NAMES)
def test_the_study_has_a_schema_a_page_and_tests(study):
    own = yaml.safe_load((ROOT / f"workflow/schemas/{study}.schema.yaml").read_text())["$defs"]
    assert {"study", "experiment"} <= own.keys()
    assert own.get("figures", {}).keys() == {name for other, name in KINDS if other == study}
    assert list((ROOT / f"tests/studies/{study}").glob("test_*.py"))
    page = ROOT / f"docs/studies/{study}.md"
    links = re.findall(r"\]\(([^)#:]+)[^):]*\)", page.read_text())
    assert (ROOT / "results/README.md").resolve() in [(page.parent / link).resolve() for link in links]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("study", claiming_studies())
def test_the_page_lists_every_claim(study):
    page = (ROOT / f"docs/studies/{study}.md").read_text()
    assert [name for name in uses_of(study) if f"`{name}`" not in page] == []


@pytest.mark.parametrize("study", NAMES)
def test_every_figure_of_the_paper_has_a_kind_that_is_drawn_here(study):
    for figure in STUDIES[study].paper.FIGURES.values():
        assert (kind_of(figure.kind).study, figure.kind) in KINDS


@pytest.mark.parametrize(("study", "name"), KINDS)
def test_every_kind_of_figure_draws_from_made_up_tables(study, name):
    kind, made = kind_of(name), made_up(study)
    tables = made.tables(name)
    assert tuple(tables) == kind.tables
    orders = [tables]
    # Whichever experiment has the larger values; some studies have the same tables several times.
    if any(own[0] is not own[-1] for own in tables.values() if own):
        orders.append({table: own[::-1] for table, own in tables.items()})
    for order in orders:
        figure = import_module(kind.module).draw(order, **made.options(name))
        assert isinstance(figure, Figure) and figure.axes
        assert_lines_are_whole(figure)
        plt.close(figure)


def assert_lines_are_whole(figure):
    """No line of data leaves its panel above or below; in three dimensions there is no such limit."""
    for ax in figure.axes:
        if ax.name == "3d":
            continue
        low, high = sorted(ax.get_ylim())
        for line in ax.get_lines():
            if line.get_transform().contains_branch_seperately(ax.transData)[1]:
                values = np.asarray(line.get_ydata(), float)
                values = values[np.isfinite(values)]
                assert ((low <= values) & (values <= high)).all(), ax.get_title()


@pytest.mark.parametrize("study", claiming_studies())
def test_every_claim_goes_all_ways(study):
    claims = {entry.id: entry for entry in import_module(f"anatomy.studies.{study}.claims").CLAIMS}
    reached = {name: {judge(entry, {})["verdict"]} for name, entry in claims.items()}
    assert all(verdicts == {NOT_TESTED} for verdicts in reached.values())
    for name, figures, expected in made_up(study).claim_cases():
        lists = {figure: own if isinstance(own, list) else [own] for figure, own in figures.items()}
        row = judge(claims[name], lists)
        assert row["verdict"] == expected, (name, row["note"])
        reached[name].add(expected)
    assert [name for name, verdicts in reached.items() if verdicts != {*VERDICTS}] == []


@pytest.mark.parametrize("study", NAMES)
def test_layers_have_the_columns_that_studies_share(study):
    table = made_up(study).layers()
    assert tuple(table.columns) == LAYERS
    assert len(table) and table["layer"].map(type).eq(str).all()
