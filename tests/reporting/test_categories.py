"""Categories of the report: Snakemake makes links of their names, which for docutils end at a colon."""

import re

from conftest import ROOT

from anatomy.configuration.studies import FIGURES


def test_no_name_of_a_category_has_a_colon():
    rules = [path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk")]
    written = [name for text in rules for name in re.findall(r'category="([^"]+)"', text)]
    body = next(text for text in rules if "def figure_section" in text)
    (made,) = re.findall(r'f"(\{figure\.study\}.*?)"', body)
    sections = [figure.section for figure in FIGURES.values()]
    assert written and sections
    assert [name for name in [*written, made, *sections] if ":" in name] == []
