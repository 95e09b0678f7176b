"""Versions are locked once: constraints.txt, which pyproject allows and conda environments repeat."""

import re
import tomllib

import pytest
import yaml
from conftest import ROOT, SCRIPTS
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from source_imports import FOR_PEOPLE, LIBRARY, imports

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
TOOLS = [line for extra in EXTRAS.values() for line in extra]
CONSTRAINTS = [
    line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")
]
ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))
# Used if they are installed; no rule needs them.
OPTIONAL = {"timm"}
# Names that differ between an import, PyPI and conda-forge.
PYPI_OF_CONDA = {"python-xxhash": "xxhash", "pytorch": "torch"}


def pins(requirements):
    """Version by name of requirements; None for any that is not `name==version`."""
    parsed = map(Requirement, requirements)
    return {
        canonicalize_name(r.name): str(r.specifier)[2:]
        if re.fullmatch(r"==[^*,]+", str(r.specifier))
        else None
        for r in parsed
    }


def conda_pins(path):
    """Version by PyPI name of a conda environment's packages; those but Python must read `name =version`."""
    found = {}
    for line in yaml.safe_load(path.read_text())["dependencies"]:
        name, version = re.fullmatch(r"(\S+) =([^=\s]+)", line).groups()
        found[PYPI_OF_CONDA.get(name, name)] = version
    return found


def programs_by_environment():
    """Programs that rules run, by the environment that the rule names."""
    programs = {}
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for rule in re.split(r"^ *rule\b[^\n]*:$", path.read_text(), flags=re.MULTILINE)[1:]:
            script = re.search(r'\bprogram=program\("(\w+\.py)"\)', rule)
            environment = re.search(r'"\.\./\.\./envs/(\w+)\.yaml"', rule)
            if script:
                programs.setdefault(environment[1], set()).add(script[1])
    return programs


@pytest.mark.parametrize("requirement", TOOLS)
def test_a_tool_is_pinned_and_equals_the_constraint(requirement):
    ((name, version),) = pins([requirement]).items()
    assert version is not None
    assert pins(CONSTRAINTS)[name] == version


@pytest.mark.parametrize("requirement", PROJECT["dependencies"])
def test_what_the_library_needs_has_a_range_that_holds_the_constraint(requirement):
    """From a version that was tried to the one that may break; so it can share an environment."""
    parsed = Requirement(requirement)
    assert sorted(part.operator for part in parsed.specifier) == ["<", ">="]
    assert pins(CONSTRAINTS)[canonicalize_name(parsed.name)] in parsed.specifier


def test_build_requirements_are_pinned():
    assert None not in pins(PYPROJECT["build-system"]["requires"]).values()


def test_constraints_are_exact_and_listed_once():
    versions = pins(CONSTRAINTS)
    assert len(versions) == len(CONSTRAINTS)
    assert [name for name, version in versions.items() if version is None] == []


def test_constraints_have_no_local_versions():
    assert [line for line in CONSTRAINTS if "+" in line] == []


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_conda_environment_equals_the_constraints(path):
    packages = conda_pins(path)
    python = packages.pop("python")
    assert f"{python}.0" in SpecifierSet(PROJECT["requires-python"])
    locked = pins(CONSTRAINTS)
    assert packages == {name: locked[name] for name in packages}


def test_every_program_has_an_environment():
    programs = programs_by_environment()
    assert set(programs) == {path.stem for path in ENVIRONMENTS}
    assert set.union(*programs.values()) == {path.name for path in SCRIPTS.glob("*.py")} - FOR_PEOPLE


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_conda_environment_has_exactly_what_its_programs_import(path):
    needed = set.union(*(imports(SCRIPTS / name) for name in programs_by_environment()[path.stem]))
    assert conda_pins(path).keys() - {"python"} == needed - OPTIONAL


def test_project_requires_everything_that_the_library_imports():
    sources = [*LIBRARY.rglob("*.py"), *SCRIPTS.rglob("*.py")]
    # Each file once, whoever imports it.
    seen = set()
    needed = set.union(*(imports(source, seen) for source in sources))
    assert needed - OPTIONAL == pins(PROJECT["dependencies"]).keys()
    assert {*EXTRAS} >= OPTIONAL


def test_analysis_needs_no_torch():
    assert not {"torch", "torchvision"} & conda_pins(ROOT / "envs" / "analysis.yaml").keys()


def test_citation_has_the_version_of_the_project():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert str(citation["version"]) == PROJECT["version"]


@pytest.mark.parametrize("name", ["Dockerfile", "anatomy.def"])
def test_containers_install_the_locked_versions_for_the_python_of_the_environments(name):
    text = (ROOT / "envs" / name).read_text()
    (version,) = re.findall(r"(?:FROM|From:) python:([\d.]+)-", text)
    for path in ENVIRONMENTS:
        assert conda_pins(path)["python"] == version
    assert "--constraint /build/constraints.txt '/build[workflow]'" in text
    copied = set(re.findall(r"[\w.]+(?= /build|.* /build/)", text))
    for file in ("constraints.txt", "pyproject.toml", PROJECT["readme"], *PROJECT["license-files"], "src"):
        assert file in copied
        assert (ROOT / file).exists()
