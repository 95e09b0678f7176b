"""Whatever a label is, captions and methods show it as it is: rendered through docutils as Snakemake does."""

from html.parser import HTMLParser
from types import SimpleNamespace

import jinja2
import pytest
from conftest import ROOT, SCHEMA_FILE
from docutils.core import publish_parts
from hypothesis import example, given, settings
from hypothesis import strategies as st

from anatomy.runtime.schema import read_schema
from anatomy.runtime.settings import Settings

EXPERIMENT = read_schema(SCHEMA_FILE)["$defs"]["experiment"]
# What Snakemake adds to each caption.
LINKS = "\n\n.. _Workflow: javascript:show_panel('workflow')\n.. _figure_07.png: javascript:show()\n"
LABELS = [
    "<script>alert(1)",
    "<b>bold</b>",
    ".. include:: /etc/hostname",
    "an innocent * and **",
    "|x|_",
    "Workflow_ and `a` and ``b`` and :sub:`c`",
    "http://example.org and javascript:alert(1) and me@example.org",
    "[1]_ and [#]_ and footnote_",
    "a\\b \\* \\",
    "1. first",
    "- item",
    "====",
    "a list::",
    "{{ 7 * 7 }} {% if %} {x}",
    "a & b < c > d \"e\" 'f'",
    "é² 図 \N{PILE OF POO}",
]


class Seen(HTMLParser):
    """Text and tags of a page."""

    def __init__(self, html):
        super().__init__()
        self.text, self.tags = "", []
        self.feed(html)
        self.close()

    def handle_data(self, data):
        self.text += data

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)


def seen(template, part, **values):
    """What a reader sees of a template of workflow/report; docutils had nothing to warn of."""
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    text = (ROOT / "workflow" / "report" / template).read_text() + LINKS
    written = environment.from_string(text).render(**values)
    html = publish_parts(written, writer="html", settings_overrides={"halt_level": 2, "report_level": 2})
    return Seen(html[part])


def words(text):
    return " ".join(text.split())


def caption_of(text, paper=""):
    params = SimpleNamespace(caption=text, paper=paper, embedded=False)
    return seen("figure.rst", "body", snakemake=SimpleNamespace(params=params))


def methods_of(label, options, path):
    resolved = {
        "studies": [],
        "experiments": {
            "one": Settings({"architecture": "nets:Mine", "options": options}, EXPERIMENT).complete()
        },
        "datasets": {"digits": {"label": label, "source": "folder", "path": path}},
        "pretrained": {},
    }
    return seen("methods.rst", "html_body", resolved=resolved)


@pytest.mark.parametrize("label", LABELS)
def test_a_label_of_markup_is_shown_as_it_is(label):
    found = caption_of(f"{label}: n_l of {label}", paper=label)
    assert words(found.text) == words(f"{label}: n_l of {label} {label}")
    assert set(found.tags) == {"p"}
    plain = methods_of("a label", {"a key": "a value"}, "a path")
    found = methods_of(label, {label: label, "several": [label, label]}, label)
    assert words(f"{label} (digits): image files of {label}") in words(found.text)
    assert words(f"options ({label.replace('_', ' ')} {label}, several {label}, {label})") in words(
        found.text
    )
    assert found.tags == plain.tags


@settings(deadline=None, max_examples=200)
@given(st.text().filter(lambda text: text.isprintable() and text.strip()))
@example("a_")
@example("\\")
def test_every_printable_text_is_shown_as_it_is(text):
    found = caption_of(text)
    assert words(found.text) == words(text)
    assert found.tags == ["p"]


def test_a_name_of_code_is_shown_as_code():
    found = methods_of("a label", {"loss": "my.losses:Loss_2"}, "a path")
    assert "architecture nets:Mine; options (loss my.losses:Loss_2)" in words(found.text)
    assert found.tags.count("tt") == 2
