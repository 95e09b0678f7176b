"""The page `summary.html`: the answer in five lines, one figure, and where to go on; of one screen.

It is also the first page of Snakemake's report, in which it stands as a part: its styles reach nothing
outside of it, and its links open what the report holds.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

from anatomy.reporting.claims import NOT_TESTED
from anatomy.reporting.pages import interval, number, verdict_counts, verdict_mark

LINES = 5
STYLE = """
.summary { font: 15px/1.4 sans-serif; color: #222; max-width: 80rem; margin: 0 auto; padding: .5rem 1rem; }
.summary h1 { font-size: 1.5rem; line-height: 1.2; margin: 0 0 .3rem; font-weight: bold; }
.summary p { margin: .3rem 0; }
.summary .halves { display: flex; gap: 1.5rem; align-items: flex-start; }
.summary .words { flex: 3 1 24rem; } .summary figure { flex: 2 1 16rem; margin: 0; }
.summary ol { list-style: none; padding: 0; margin: .6rem 0; }
.summary li { margin: 0; padding: .45rem 0; border-top: 1px solid #ddd; }
.summary figure img { max-width: 100%; max-height: 72vh; width: auto; height: auto; margin: 0 auto; }
.summary figcaption { font-size: 13px; color: #444; margin-top: .3rem; }
.summary a { color: #1a5fb4; text-decoration: underline; font-weight: normal; }
.summary small { color: #555; font-size: 13px; }
.summary nav { background: none; margin: .6rem 0; } .summary nav a { margin-right: 1.2rem; }
.summary strong { font-weight: bold; padding: .05rem .4rem; border-radius: .3rem; white-space: nowrap; }
.summary .supported { color: #00603a; background: #e2f4ea; }
.summary .not-supported { color: #a03000; background: #fdeae2; }
.summary .inconclusive { color: #7a5c00; background: #fdf5d8; }
.summary .not-tested { color: #666; background: #f0f0f0; }
"""
# Within Snakemake's report a link opens what the report holds under that name; elsewhere the file beside it.
OPEN = (
    "const link = event.target.closest('a'); "
    "if (link &amp;&amp; typeof results !== 'undefined') { "
    "const path = Object.keys(results).find(name => ('/' + name).endsWith('/' + link.getAttribute('href'))); "
    "if (path) { event.preventDefault(); app.setView({ resultPath: path, "
    "content: results[path].mime_type.startsWith('image') ? 'img' : 'html', "
    "contentPath: results[path].data_uri }); } }"
)
PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>
<body>
<div class="summary" onclick="{open}">
<h1>{title}</h1>
<p>{introduction}</p>
<div class="halves"><div class="words">
<ol>
{lines}
</ol>
{links}
{note}
</div>
{figure}
</div></div>
</body>
</html>
"""


@dataclass(frozen=True)
class StudySummary:
    """A study of this run: its paper in words, the table of its claims, and those to show first."""

    name: str
    paper: str
    claims: pd.DataFrame
    headline: Sequence[str] = ()


def summary_lines(studies: Sequence[StudySummary]) -> list[str]:
    """Return lines of HTML: verdicts of each study, and main sentences that were tested, up to `LINES`."""
    lines = [_counts(study) for study in studies]
    for study in studies:
        rows = {row["id"]: row for row in study.claims.to_dict("records")}
        main = [rows[name] for name in study.headline if name in rows]
        lines += [_sentence(row) for row in main if row["verdict"] != NOT_TESTED][
            : max(0, LINES - len(lines))
        ]
    return lines


def _counts(study: StudySummary) -> str:
    marks = " ".join(
        verdict_mark(verdict, f"{count} {verdict}") for verdict, count in verdict_counts(study.claims).items()
    )
    many = f"{len(study.claims)} sentence{'s' * (len(study.claims) != 1)} of the paper"
    what = f'<a href="{study.name}/claims.html">{many}</a>: {marks}' if marks else "No claims are judged."
    return f"<li>{escape(study.paper)}<br>{what}</li>"


def _sentence(row: Mapping) -> str:
    """Return one claim that was tested: verdict, sentence, value and what it was judged on."""
    ends = interval(row["low"], row["high"])
    facts = [f"{row['quantity']}: {number(row['value'])}{f' ({ends})' * bool(ends)}", row["data"]]
    return (
        f"<li>{verdict_mark(row['verdict'])} {escape(row['sentence'])}"
        f"<br><small>{escape('; '.join(facts))}</small></li>"
    )


def summary_page(
    studies: Sequence[StudySummary],
    ran: str,
    links: Mapping[str, str],
    note: str = "",
    figure: tuple[bytes, str, str] | None = None,
) -> str:
    """Return the page; `ran` says in a sentence what was trained.

    `links` maps words to files beside the page; `figure` has a picture (PNG), its caption, and the file
    that it is in.
    """
    shown = ""
    if figure:
        picture, caption, path = figure
        source = f"data:image/png;base64,{b64encode(picture).decode()}"
        shown = (
            f'<figure><a href="{escape(path)}"><img alt="{escape(caption)}" src="{source}"></a>'
            f"<figcaption>{escape(caption)}</figcaption></figure>"
        )
    anchors = " ".join(
        f'<a href="{escape(path)}" target="_blank">{escape(words)}</a>' for words, path in links.items()
    )
    return PAGE.format(
        title="Anatomy of trained networks",
        style=STYLE,
        open=OPEN,
        introduction=escape(ran),
        lines="\n".join(summary_lines(studies)),
        links=f"<nav>{anchors}</nav>",
        note=f"<p><small>{escape(note)}</small></p>" if note else "",
        figure=shown,
    )
