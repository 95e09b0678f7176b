"""The program that counts false verdicts, and the page that it completes."""

import subprocess
import sys

import pytest
from conftest import ROOT

from simulate import BELOW, SIMULATIONS, heading, in_words, names_of, percentages
from verdict_rates import CLAIM

PAGE = ROOT / "docs/statistics.md"


def test_the_program_keeps_the_text_and_the_tables_of_other_studies(tmp_path):
    page = tmp_path / "statistics.md"
    other = f"{heading('curvature')}\n\nof before\n"
    page.write_text(f"# Text\n\n{BELOW}\n\n## Old heading\n\nold table\n\n{other}")
    command = [sys.executable, ROOT / "benchmarks/simulate.py", "--draws", "1", "--jobs", "1", "--page", page]
    subprocess.run([*command, "--studies", "invariance"], check=True)
    text = page.read_text()
    assert text.startswith(f"# Text\n\n{BELOW}\n\n{other}\n{heading('invariance')}\n")
    assert "old table" not in text
    assert text.count("1 draws of each situation") == 1
    assert [text.count(f"| `{name}` |") for name in names_of("invariance")] == [2] * len(
        names_of("invariance")
    )


def test_claims_of_all_studies_are_made_up():
    assert SIMULATIONS.keys() == CLAIM.keys()


def test_rates_are_those_of_the_worst_situation():
    found = {
        ("c", words, seeds): {"supported": hits} for words, hits in (("a", 1), ("b", 3)) for seeds in (2, 3)
    }
    found |= {("c", words, seeds): {} for words in "ab" for seeds in (5, 10)}
    assert percentages(found, "c", ["a", "b"], "supported", 40) == "7.5 / 7.5 / 0.0 / 0.0"


@pytest.mark.parametrize("name", SIMULATIONS)
def test_the_page_has_the_situations_of_every_claim(name):
    """Those of today: a page that the code has left behind is noticed."""
    simulation, text = SIMULATIONS[name], PAGE.read_text()
    assert f"| `{name}` | {in_words(simulation.false)} | " in text
    assert f" | {in_words(simulation.true)} | " in text
    assert f"| `{name}` | {simulation.effect[0]} | " in text
