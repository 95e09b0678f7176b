"""Kinds of figures: found by name over all studies, from what their files say."""

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import jinja2
import pytest
from conftest import ROOT, environment
from jinja2 import meta

from anatomy.configuration.studies import FIGURES
from anatomy.reporting import kinds as module_of_kinds
from anatomy.reporting.kinds import kind_of, kinds
from anatomy.runtime.errors import InputError


def test_every_file_with_tables_is_a_kind_of_its_own_name():
    files = [
        path for path in (ROOT / "src/anatomy/studies").glob("*/figures/*.py") if "draw(" in path.read_text()
    ]
    assert sorted(kinds()) == sorted(path.stem for path in files)
    assert {figure.kind for figure in FIGURES.values()} <= kinds().keys()


@pytest.mark.parametrize("name", sorted(kinds()))
def test_a_kind_takes_what_it_says(name):
    kind = kind_of(name)
    module = import_module(kind.module)
    assert Path(module.__file__).stem == name
    assert kind.module == f"anatomy.studies.{kind.study}.figures.{name}"
    tables, *options = inspect.signature(module.draw).parameters
    assert tables == "tables"
    assert tuple(options) == kind.takes
    assert kind.tables == module.TABLES and kind.shows == module.SHOWS


@pytest.mark.parametrize("name", sorted(kinds()))
def test_a_caption_needs_nothing_but_the_options(name):
    caption = kind_of(name).caption
    assert caption.endswith((".", "%}"))
    needed = meta.find_undeclared_variables(jinja2.Environment().parse(caption))
    assert needed <= {*kind_of(name).takes}


def test_an_unknown_kind_is_refused_with_those_there_are():
    with pytest.raises(InputError) as caught:
        kind_of("pie")
    assert str(caught.value) == f"'pie' is not a kind of figure; allowed: {', '.join(sorted(kinds()))}"


def test_two_studies_cannot_have_a_kind_of_one_name(tmp_path, monkeypatch):
    for study in ("one", "two"):
        path = tmp_path / "studies" / study / "figures" / "bars.py"
        path.parent.mkdir(parents=True)
        path.write_text('TABLES = ()\nTAKES = ()\nSHOWS = "bars"\nCAPTION = "Bars."\n')
    monkeypatch.setattr(module_of_kinds, "PACKAGE", tmp_path)
    with pytest.raises(ValueError, match=r"two/figures/bars.py: one has a kind of the same name; rename one"):
        kinds.__wrapped__()


def test_kinds_are_found_without_importing_what_draws():
    code = "import sys; from anatomy.reporting.kinds import kinds; kinds(); print(sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    ).stdout
    assert "anatomy.reporting.kinds" in loaded
    for package in ("matplotlib", "numpy", "pandas", "anatomy.studies"):
        assert f"'{package}" not in loaded
