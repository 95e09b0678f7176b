"""compute_projections.py takes the directory of a prepared data set, as the other two programs do."""

import json
import re
from pathlib import Path

import pytest
from conftest import run_program

from anatomy.runtime.errors import InputError
from anatomy.studies.arrangements.hp_arrangements import options
from anatomy.studies.arrangements.hp_arrangements.data import DataChoice
from anatomy.studies.arrangements.hp_arrangements.names import described

PROGRAM = "hp_arrangements/compute_projections"


def test_the_program_measures_a_network_of_a_prepared_data_set(shades):
    run_program(PROGRAM, "--arch", "lenet", "--dataset", "shades", "--normalize", "--seed", 3)
    written = json.loads(Path("results/shades/lenet/3/init_lenet.json").read_text())
    assert written["dataset"] == "shades"
    assert described("shades") == ("shades", (1, 28, 28), 4)


def test_what_is_no_data_set_is_refused(shades):
    with pytest.raises(
        InputError, match=r"'gone' is not a data set; allowed: cifar10, .* directory of a prepared"
    ):
        described("gone")
    path = Path("shades/dataset.json")
    whole = json.loads(path.read_text())
    for change in ({"height": None}, {"channels": "3"}, {"width": 0}):
        path.write_text(json.dumps(whole | change))
        with pytest.raises(InputError, match="does not describe images"):
            described("shades")
    path.write_text("{}")
    with pytest.raises(InputError, match=r"shades/dataset\.json is damaged, or not a"):
        described("shades")


@pytest.mark.parametrize("name", ["/abs", "../out", "a/b", "..", ".", "", "two\nlines", "nul\0", 5])
def test_a_name_that_leads_elsewhere_is_refused(shades, name):
    path = Path("shades/dataset.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"name": name}))
    for read in (described, lambda folder: DataChoice(folder).name):
        with pytest.raises(InputError, match=r"^shades/dataset.json.*name") as caught:
            read("shades")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("program", ["train", "compute_projections", "reinit_layers"])
def test_every_option_says_what_it_is(program, capsys):
    parse = getattr(options, f"parse_{program}")
    given = (["--help"],) if program == "compute_projections" else (Path("workflow/scripts/x.py"), ["--help"])
    with pytest.raises(SystemExit):
        parse(*given)
    text = capsys.readouterr().out
    parts = re.split(r"\n  (?=-)", text)[1:]
    assert len(parts) > 10
    for part in parts:
        assert len(part.split()) > 3, part
