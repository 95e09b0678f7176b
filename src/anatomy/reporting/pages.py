"""Pages for reading: HTML, one file each, with contents and tables that sort; nothing from a network."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from anatomy.reporting.claims import ERROR, NOT_TESTED, VERDICTS

STYLE = """
body { font: 15px/1.45 sans-serif; color: #222; max-width: 80rem; margin: 1.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; } h2 { font-size: 1.25rem; margin: 2rem 0 .4rem; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .3rem; }
h2, section { scroll-margin-top: .6rem; }
tbody th { white-space: nowrap; } p { max-width: 60rem; } a { color: #1a5fb4; }
nav ul { columns: 18rem; padding-left: 1.2rem; margin: .4rem 0; }
.up { font-size: 13px; font-weight: normal; margin-left: .6rem; }
.name { white-space: nowrap; } .wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .6rem 0; font-size: 13px; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }
thead th { border-bottom: 2px solid #888; }
td { font-variant-numeric: tabular-nums; } .number { text-align: right; } td.number { white-space: nowrap; }
li p { margin: .2rem 0; }
table.sortable thead th { cursor: pointer; } table.sortable thead th:hover { background: #eee; }
table.sortable th::after { content: " \\2195"; color: #bbb; font-weight: normal; }
table.sortable th[aria-sort=ascending]::after { content: " \\25B2"; color: inherit; }
table.sortable th[aria-sort=descending]::after { content: " \\25BC"; color: inherit; }
.supported { color: #00603a; background: #e2f4ea; } .not-supported { color: #a03000; background: #fdeae2; }
.inconclusive { color: #7a5c00; background: #fdf5d8; } .not-tested { color: #666; background: #f0f0f0; }
strong[class] { padding: .05rem .4rem; border-radius: .3rem; white-space: nowrap; }
"""
# A click on a heading sorts by its column, numbers by value; empty cells stay at the end.
SORTING = """
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  headings.forEach((heading, column) => {
    const sort = () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach(other => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = row => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const compare = (a, b) => {
        if (a === "" || b === "") return (a === "") - (b === "");
        const order = isNaN(a) || isNaN(b) ? a.localeCompare(b, "en", { numeric: true }) : a - b;
        return down ? -order : order;
      };
      body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b))));
    };
    heading.tabIndex = 0;
    heading.title = "sort";
    heading.onclick = sort;
    heading.onkeydown = event => { if (event.key === "Enter") sort(); };
  });
}
"""
PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>
<body>
<h1 id="top">{title}</h1>
<p>{introduction}</p>
{contents}
{body}
<script>{script}</script>
</body>
</html>
"""
UP = '<a class="up" href="#top">to the top</a>'
# Cells of numbers.
RIGHT = ' class="number"'
# Below it a p-value is only said to be so.
SMALLEST_P = 1e-4


def page(title: str, introduction: str, parts: Iterable[str]) -> str:
    """Return a whole page; title and introduction are text, parts HTML, whose headings make the contents."""
    body = "\n".join(parts)
    headings = re.findall(r'<h2 id="([^"]*)">(.*?)(?: <a .*)?</h2>', body)
    items = "".join(f'<li><a href="#{name}">{text}</a></li>' for name, text in headings)
    contents = f"<nav><ul>{items}</ul></nav>" if len(headings) > 1 else ""
    words = {"title": escape(title), "introduction": escape(introduction)}
    return PAGE.format(style=STYLE, script=SORTING, contents=contents, body=body, **words)


def heading(title: str) -> str:
    """Return the heading of a part of a page, to which its contents link."""
    name = re.sub(r"\W+", "-", title.lower()).strip("-")
    return f'<h2 id="{name}">{escape(title)} {UP}</h2>'


def section(title: str, explanation: str, frame: pd.DataFrame) -> str:
    """Return a heading, a sentence, and a table whose numbers have three significant digits."""
    shown = table(frame) if len(frame) else "<p>None in this configuration.</p>"
    return f"{heading(title)}\n<p>{escape(explanation)}</p>\n{shown}"


def table(frame: pd.DataFrame, cells: Mapping[str, Sequence[str]] | None = None) -> str:
    """Return a table that sorts by any column; `cells` has the cells of columns that are HTML already."""
    cells = cells or {}
    columns = [cells.get(name) or [_cell(name, value) for value in frame[name]] for name in frame.columns]
    numbers = [any(RIGHT in cell for cell in column) for column in columns]
    names = "".join(
        f"<th{RIGHT * of_numbers}>{escape(str(name))}</th>"
        for name, of_numbers in zip(frame.columns, numbers, strict=True)
    )
    rows = "".join(f"<tr>{''.join(row)}</tr>\n" for row in zip(*columns, strict=True))
    return (
        f'<div class="wide"><table class="sortable"><thead><tr>{names}</tr></thead>\n'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _cell(column: Any, value: Any) -> str:
    """Return a cell: what it sorts by is the whole number, what it shows has three digits."""
    if isinstance(value, bool | np.bool_):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, str):
        return f"<td>{escape(value)}</td>"
    if pd.isna(value):
        return "<td></td>"
    shown = p_value(value) if re.match(r"p(_|$)", str(column)) else f"{value:.3g}"
    if isinstance(value, int | np.integer):
        shown = str(value)
    return f'<td{RIGHT} data-value="{value!s}">{escape(shown)}</td>'


def p_value(value: float) -> str:
    """Return a p-value as people write it: two digits, and no more than that it is below `SMALLEST_P`."""
    if value < SMALLEST_P:
        return f"< {SMALLEST_P:g}"
    return f"{value:.2g}"


def verdict_mark(verdict: str, text: str = "") -> str:
    """Return a verdict, or a text about it, in its colour."""
    return f'<strong class="{verdict.replace(" ", "-")}">{escape(text or verdict)}</strong>'


def number(value: float) -> str:
    """Return a number with three significant digits; empty for none."""
    return "" if pd.isna(value) else f"{value:.3g}"


def interval(low: float, high: float) -> str:
    """Return an interval in words, empty if it has no ends."""
    if pd.isna(low) and pd.isna(high):
        return ""
    return f"{number(low) or '?'} to {number(high) or '?'}"


def _other_verdicts(row: dict) -> str:
    """Say how a claim fares at half and at double the threshold, and what these are counted from."""
    verdicts = [
        f"{verdict_mark(row[f'verdict_{which}'])} at {number(row[f'threshold_{which}'])} ({which})"
        for which in ("half", "double")
    ]
    what, end = "the distance", row["threshold"]
    if pd.notna(row["effect"]):
        what, end = "an effect", row["null"] + row["effect"]
    return f"{', '.join(verdicts)}: {what} from {number(row['null'])} to {number(end)}"


def _claim(row: dict) -> str:
    """Return one claim: its sentence, and a list of what it was judged by."""
    ends = interval(row["low"], row["high"])
    facts = {
        "Verdict": verdict_mark(row["verdict"]),
        "Value": escape(number(row["value"]) + (f" (95 % interval {ends})" if ends else "")),
        "Quantity": escape(row["quantity"]),
        "Threshold": escape(f"{row['criterion']}: {row['reason']}"),
        "Other thresholds": _other_verdicts(row),
        "Judged on": escape(f"{row['data']} ({row['experiments']})" if row["experiments"] else ""),
        "Figures": escape(row["figures"]),
        "Note": escape(row["note"]),
    }
    rows = "".join(f"<tr><th>{name}</th><td>{text}</td></tr>" for name, text in facts.items() if text)
    return (
        f'<section id="{escape(row["id"])}"><h3>{escape(row["sentence"])} '
        f'<a class="up" href="#overview">to the overview</a></h3>\n<table>{rows}</table></section>'
    )


def _named(name: str, sentence: str) -> str:
    return f'<td><a class="name" href="#{name}">{name}</a><br>{sentence}</td>'


def _overview(claims: pd.DataFrame) -> str:
    """Return the table of all claims, one short row each, that links to what each was judged by."""
    rows = claims.to_dict("records")
    ends = [interval(row["low"], row["high"]) for row in rows]
    columns = {
        "claim": [_named(escape(row["id"]), escape(row["sentence"])) for row in rows],
        "verdict": [f"<td>{verdict_mark(row['verdict'])}</td>" for row in rows],
        "quantity": [_cell("quantity", row["quantity"]) for row in rows],
        "value": [_cell("value", row["value"]) for row in rows],
        "95 % interval": [f"<td{RIGHT}>{escape(text)}</td>" for text in ends],
        "threshold": [_cell("threshold", row["threshold"]) for row in rows],
        "at half": [f"<td>{verdict_mark(row['verdict_half'])}</td>" for row in rows],
        "at double": [f"<td>{verdict_mark(row['verdict_double'])}</td>" for row in rows],
        "data": [_cell("data", row["data"]) for row in rows],
        "section": [_cell("section", row["section"]) for row in rows],
    }
    return table(pd.DataFrame(columns), columns)


def verdict_counts(claims: pd.DataFrame) -> dict[str, int]:
    """Return how many claims have each verdict, in the order of `VERDICTS`, without those that none has."""
    counts = claims["verdict"].value_counts()
    return {verdict: int(counts[verdict]) for verdict in VERDICTS if verdict in counts}


def claims_page(claims: pd.DataFrame, paper: str = "the paper") -> str:
    """Return the page of all claims: an overview, then each with its numbers, by section of the paper."""
    introduction = (
        f"Sentences of {paper}, quoted or closely paraphrased, judged by the numbers of this run: "
        + ", ".join(f"{count} {verdict}" for verdict, count in verdict_counts(claims).items())
        + ". Each names the data that it was judged on, which may not be the paper's. Where the sentence "
        "names several layers or networks, the value is that of the one that speaks most against it. "
        "Supported and not supported mean that the whole interval lies on one side of the threshold, "
        "inconclusive that the interval includes it, and not tested that this configuration has no such "
        "data. At half and at double: the verdict if the threshold were half or twice as far from the "
        "value without any effect; of a claim that something stays near a value, half is the stricter one."
    )
    tested = int((claims["verdict"] != NOT_TESTED).sum())
    explanation = (
        "Intervals are 95 % intervals. Where a sentence names several layers, the end that would refute "
        "it is corrected for their number. A verdict on one sentence is false, supported or not supported, "
        f"with a probability of at most {ERROR:.0%}, however few the seeds; verdicts are not corrected for "
        f"the number of sentences. Of the {tested} tested here at most {tested * ERROR:.2g} false verdicts "
        "are to be expected."
    )
    parts = [heading("Overview"), f"<p>{escape(explanation)}</p>", _overview(claims)]
    for name, own in claims.groupby("section", sort=True):
        parts += [heading(f"Section {name}"), *map(_claim, own.to_dict("records"))]
    return page("Claims of the paper", introduction, parts)
