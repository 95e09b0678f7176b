"""Tables as HTML pages for reading: one file each, without scripts or anything from a network."""

from collections.abc import Iterable
from html import escape

import pandas as pd

from anatomy.reporting.claims import ERROR, NOT_TESTED

STYLE = """
body { font: 15px/1.45 sans-serif; color: #222; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 13px; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }
thead th { border-bottom: 2px solid #888; }
td { font-variant-numeric: tabular-nums; }
.supported { color: #00603a; } .not-supported { color: #a03000; }
.inconclusive { color: #7a5c00; } .not-tested { color: #666; }
"""
PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>
<body>
<h1>{title}</h1>
<p>{introduction}</p>
{body}
</body>
</html>
"""


def page(title: str, introduction: str, parts: Iterable[str]) -> str:
    """Return a whole page; title and introduction are text, parts HTML."""
    words = {"title": escape(title), "introduction": escape(introduction)}
    return PAGE.format(style=STYLE, body="\n".join(parts), **words)


def section(title: str, explanation: str, frame: pd.DataFrame) -> str:
    """Return a heading, a sentence, and a table whose numbers have three significant digits."""
    table = (
        frame.to_html(index=False, border=0, na_rep="", float_format="%.3g", justify="left")
        if len(frame)
        else "<p>None in this configuration.</p>"
    )
    return f"<h2>{escape(title)}</h2>\n<p>{escape(explanation)}</p>\n{table}"


def _number(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.3g}"


def _verdict(verdict: str) -> str:
    return f'<strong class="{verdict.replace(" ", "-")}">{escape(verdict)}</strong>'


def _other_verdicts(row: dict) -> str:
    """Say how a claim fares at half and at double the threshold, and what these are counted from."""
    verdicts = [
        f"{_verdict(row[f'verdict_{which}'])} at {_number(row[f'threshold_{which}'])} ({which})"
        for which in ("half", "double")
    ]
    what, end = "the distance", row["threshold"]
    if pd.notna(row["effect"]):
        what, end = "an effect", row["null"] + row["effect"]
    return f"{', '.join(verdicts)}: {what} from {_number(row['null'])} to {_number(end)}"


def _claim(row: dict) -> str:
    """Return one claim: its sentence, and a list of what it was judged by."""
    interval = f" (95 % interval {_number(row['low'])} to {_number(row['high'])})"
    value = _number(row["value"]) + (interval if pd.notna(row["low"]) or pd.notna(row["high"]) else "")
    facts = {
        "Verdict": _verdict(row["verdict"]),
        "Other thresholds": _other_verdicts(row),
        "Value": escape(value),
        "Quantity": escape(row["quantity"]),
        "Threshold": escape(f"{row['criterion']}: {row['reason']}"),
        "Judged on": escape(f"{row['data']} ({row['experiments']})" if row["experiments"] else ""),
        "Figures": escape(row["figures"]),
        "Note": escape(row["note"]),
    }
    rows = "".join(f"<tr><th>{name}</th><td>{text}</td></tr>" for name, text in facts.items() if text)
    return (
        f'<section id="{escape(row["id"])}"><h2>Section {escape(row["section"])}: {escape(row["sentence"])}'
        f"</h2>\n<table>{rows}</table></section>"
    )


def claims_page(claims: pd.DataFrame) -> str:
    """Return the page of all claims: an overview, then each with its numbers."""
    counts = claims["verdict"].value_counts()
    verdicts = {"verdict_half": "at half", "verdict_double": "at double"}
    shown = ["id", "sentence", "data", "value", "low", "high", "verdict", *verdicts]
    overview = claims[shown].rename(columns=verdicts)
    introduction = (
        "Sentences of the paper, quoted or closely paraphrased, judged by the numbers of this run: "
        + ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        + ". Each names the data that it was judged on, which may not be the paper's. Where the sentence "
        "names several layers or networks, the value is that of the one that speaks most against it. "
        "Supported and not supported mean that the whole interval lies on one side of the threshold, "
        "inconclusive that the interval includes it, and not tested that this configuration has no such "
        "data. At half and at double: the verdict if the threshold were half or twice as far from the "
        "value without any effect; of a claim that something stays near a value, half is the stricter one."
    )
    tested = int((claims["verdict"] != NOT_TESTED).sum())
    explanation = (
        "low and high are 95 % intervals. Where a sentence names several layers, the end that would refute "
        "it is corrected for their number. A verdict on one sentence is false, supported or not supported, "
        f"with a probability of at most {ERROR:.0%}, however few the seeds; verdicts are not corrected for "
        f"the number of sentences. Of the {tested} tested here at most {tested * ERROR:.2g} false verdicts "
        "are to be expected."
    )
    parts = [section("Overview", explanation, overview), *map(_claim, claims.to_dict("records"))]
    return page("Claims of the paper", introduction, parts)
