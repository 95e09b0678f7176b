"""The program that counts false verdicts, and the page that it completes."""

import subprocess
import sys

import pytest
from conftest import ROOT

from simulate import BELOW, SIMULATIONS, STUDIES, in_words, percentages, with_section

PAGE = ROOT / "docs/statistics.md"


def test_the_program_keeps_the_text_and_adds_both_tables(tmp_path):
    page = tmp_path / "statistics.md"
    first, second = (BELOW.format(study) for study in STUDIES)
    page.write_text(f"# Text\n\n{first}\n\nold table\n\n{second}\n\nolder table\n")
    command = [sys.executable, ROOT / "benchmarks/simulate.py", "--draws", "1", "--jobs", "1", "--page", page]
    subprocess.run(command, check=True)
    text = page.read_text()
    assert text.startswith(f"# Text\n\n{first}\n\n## Arrangements: rates")
    assert f"\n\n{second}\n\n## Subspaces: rates" in text
    assert "old table" not in text and "older table" not in text
    assert text.count("1 draws of each situation") == len(STUDIES)
    assert [text.count(f"| `{name}` |") for name in SIMULATIONS] == [2] * len(SIMULATIONS)


def test_one_section_leaves_the_others_and_a_new_one_comes_last():
    first, second = BELOW.format("a"), BELOW.format("b")
    page = with_section("# Text\n", first, "one\n")
    both = with_section(page, second, "two\n")
    assert both == f"# Text\n\n{first}\n\none\n\n{second}\n\ntwo\n"
    assert with_section(both, first, "new\n") == both.replace("one", "new")
    assert with_section(both, second, "new\n") == both.replace("two", "new")


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
