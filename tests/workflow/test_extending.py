"""Every recipe of docs/extending.md, carried out as it stands, reruns nothing of what was there before."""

import re
import subprocess
import sys
import textwrap

import pytest
import yaml
from conftest import ROOT, Checkout

TEXT = (ROOT / "docs" / "extending.md").read_text()
RECIPES = {part.partition("\n")[0]: part for part in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]}
# What the recipes build on, in seconds: grey digits and a LeNet.
CONFIG = {
    "device": "cpu",
    "datasets": {"digits-grey": {"source": "embedded", "variant": "digits-grey", "train": 60, "test": 20}},
    "experiments": {
        "grey-single": {
            "dataset": "digits-grey",
            "architecture": "lenet",
            "epochs": 1,
            "seeds": [0],
            "arrangements": {"reinitialise": {"epochs": [], "random": False}},
        }
    },
    "figures": {"figure_07": {"experiment": "grey-single"}},
}


def blocks(recipe):
    """Indented blocks of a recipe, each with the text before it."""
    found = re.findall(r"((?:^(?!    ).*\n)+)((?:^(?:    .*)?\n)+)", RECIPES[recipe], flags=re.MULTILINE)
    return [
        (before.strip(), textwrap.dedent(block).strip("\n") + "\n")
        for before, block in found
        if block.strip()
    ]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A checkout in which the configuration has run, once for all recipes."""
    checkout = Checkout(tmp_path_factory.mktemp("extended"))
    checkout.configure(CONFIG)
    checkout.snakemake()
    assert checkout.planned() == {}
    return checkout


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_recipe_works_and_reruns_nothing(project, recipe):
    commands = []
    for before, block in blocks(recipe):
        named = re.findall(r"`([\w./]+\.(?:py|yaml|smk))`:$", before)
        if named == ["workflow/schemas/arrangements.schema.yaml"]:
            add_kind(project, block)
        elif named:
            path = project.folder / named[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block)
        else:
            commands += block.splitlines()
    study = {"norms": 1, "measure_norms": 1} if recipe == "A study" else {}
    # These two name every study that is on.
    pages = {"render_methods": 1, "render_summary": 1} if study else {}
    assert not set(project.planned()) - set(study) - set(pages), "the recipe reruns what was there before"
    assert len(commands) == 1
    program, *arguments = commands[0].split()
    if program == "python":
        environment = {**project.environment, "PYTHONPATH": str(project.folder / "src")}
        command = [sys.executable, *arguments]
        result = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        assert len(result.stdout.splitlines()) == 9
    else:
        project.snakemake(*arguments)
        target = arguments[-1]
        made = {"bias_of_lenet": "results/arrangements/figures/bias_of_lenet.png"}
        made["norms"] = "results/norms/measurements/grey-single/seed=0.csv"
        assert (project.folder / made.get(target, target)).stat().st_size > 100
    assert not set(project.planned()) - set(pages)


def add_kind(project, block):
    """Add the keys of a kind of figure to the schema of the first study."""
    path = project.folder / "workflow/schemas/arrangements.schema.yaml"
    schema = yaml.safe_load(path.read_text())
    schema["$defs"]["figures"] |= yaml.safe_load(block)
    path.write_text(yaml.safe_dump(schema))
