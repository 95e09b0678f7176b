"""The summary: verdicts of every study, main sentences in what room is left, and what papers name for it."""

from importlib import import_module

import pandas as pd
import pytest

from anatomy.configuration.studies import STUDIES
from anatomy.reporting.claims import COLUMNS
from anatomy.reporting.figures import Paper, paper_of
from anatomy.reporting.summary import LINES, StudySummary, summary_lines, summary_page
from anatomy.reporting.uses import claiming_studies, uses_of


def claims(*verdicts):
    rows = [
        {"id": f"claim-{n}", "sentence": f"Sentence <{n}>.", "verdict": verdict, "value": 0.25, "low": 0.1,
         "high": 0.5, "quantity": "fraction", "data": "MLP, points"}
        for n, verdict in enumerate(verdicts)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def study(name, *verdicts):
    return StudySummary(name, f"Paper of {name}", claims(*verdicts), ("claim-1", "claim-0", "claim-2"))


@pytest.mark.parametrize(("studies", "sentences"), [(1, 2), (4, 1), (6, 0)])
def test_every_study_has_its_line_and_tested_sentences_fill_the_rest(studies, sentences):
    each = [study(f"s{n}", "supported", "not tested", "inconclusive") for n in range(studies)][::-1]
    lines = summary_lines(each)
    assert len(lines) == studies + min(sentences, LINES - studies if studies < LINES else 0)
    for own, line in zip(each, lines, strict=False):
        assert f'href="{own.name}/claims.html">3 sentences' in line
        for count in ("1 supported", "1 inconclusive", "1 not tested"):
            assert f">{count}</strong>" in line
    # The first in the order of the paper that was tested.
    if sentences:
        assert "Sentence &lt;0&gt;." in lines[studies]
        assert "fraction: 0.25 (0.1 to 0.5); MLP, points" in lines[studies]


def test_a_study_without_claims_has_a_line_too():
    (line,) = summary_lines([StudySummary("norms", "Norms & more", pd.DataFrame(columns=COLUMNS))])
    assert "Norms &amp; more" in line and "No claims are judged." in line


def test_the_page_shows_texts_as_they_are():
    text = "<script>alert(1)</script> & \" '"
    page = summary_page([study("s", "supported")], text, {text: "a.html"}, text, (b"png", text, "b.png"))
    assert page.count("&lt;script&gt;alert(1)") == 5
    assert "<script" not in page


@pytest.mark.parametrize("name", STUDIES)
def test_what_a_paper_names_is_there(name):
    paper = paper_of(STUDIES[name].paper, name)
    assert paper.title != name and str(paper.year) in paper.in_words
    assert paper.hero in STUDIES[name].paper.FIGURES
    assert name in claiming_studies() and set(paper.headline) <= uses_of(name).keys()


def test_a_study_without_a_paper_goes_by_its_name():
    assert paper_of(import_module("anatomy.reporting.figures"), "norms") == Paper("norms")
