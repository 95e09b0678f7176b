"""Tables as HTML pages for reading: one file each, without scripts or anything from a network."""

from collections.abc import Iterable, Sequence
from html import escape

import pandas as pd

from hyperplanes.statistics import COVERAGE
from hyperplanes.tables import epochs_in_order

STYLE = """
body { font: 15px/1.45 sans-serif; color: #222; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 13px; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }
thead th { border-bottom: 2px solid #888; }
td { font-variant-numeric: tabular-nums; }
.supported { color: #00603a; } .not-supported { color: #a03000; } .not-tested { color: #666; }
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


def _joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables under each other; no table gives an empty one."""
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _ends(summary: pd.DataFrame) -> pd.DataFrame:
    """Return n_l of one experiment before and after training, one row per layer."""
    epochs = epochs_in_order(summary)
    sides = {"first epoch": epochs[0], "last epoch": epochs[-1]}
    columns = ["mean", "std", "low", "high", "p_corrected"]
    tables = [
        summary[summary["epoch"] == epoch].set_index(["experiment", "layer"])[columns].add_suffix(f", {side}")
        for side, epoch in sides.items()
    ]
    return pd.concat(tables, axis=1).reset_index()


def tables_page(
    accuracies: pd.DataFrame,
    summaries: Sequence[pd.DataFrame],
    onsets: Sequence[pd.DataFrame],
    drops: Sequence[pd.DataFrame],
    criticality: pd.DataFrame,
    layers: pd.DataFrame,
) -> str:
    """Return the page of all tables: `n_l_summary`, `bias_onset` and `reinit_summary` of experiments.

    `criticality` and `layers` are the two tables of `tables.criticality_tables`.
    """
    resets = _joined(drops)
    initial = resets[resets["reset_to"] == "0"].drop(columns="reset_to") if len(resets) else resets
    return page(
        "Tables",
        "Mean, std (sample standard deviation) and n are over seeds; low and high are 95 % intervals. "
        "The CSV files beside this page hold the same numbers, and every epoch.",
        [
            section("Accuracies", "Of the last epoch; test accuracies of the trained network.", accuracies),
            section(
                "Share of negative projections",
                "n_l by layer at the first and the last epoch. low and high: exact binomial interval over "
                "the filters of all seeds, which are treated as independent. p_corrected: exact test "
                "against one half, with Holm's correction over the layers.",
                _joined([_ends(summary) for summary in summaries]),
            ),
            section(
                "Onset of the bias",
                "Epoch from which a layer stays biased to the last epoch (p_corrected below 0.05, on the "
                "same side); empty for a layer that is not biased at the end. n_l is that of the end.",
                _joined(onsets),
            ),
            section(
                "Layers reset to their initialisation",
                "Drop in test accuracy, as a share of one.",
                initial,
            ),
            section(
                "Biased layers and critical layers",
                "Spearman's correlation over layers between |mean n_l - 1/2| at the last epoch and the "
                "drop when the layer is reset to its initialisation; bootstrap interval over seeds. "
                "Beside it the number of layers that are biased (p_corrected below 0.05 at the last epoch) "
                "and critical (mean relative drop above the threshold), one of the two, or neither.",
                criticality,
            ),
            section(
                "Layer by layer",
                "Whether each layer is called biased and critical, and what by; low and high: bootstrap "
                "interval of the relative drop over seeds.",
                layers,
            ),
        ],
    )


def _number(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.3g}"


def _claim(row: dict) -> str:
    """Return one claim: its sentence, and a list of what it was judged by."""
    kind = " ".join(row["verdict"].split()[:2])
    interval = f" (95 % interval {_number(row['low'])} to {_number(row['high'])})"
    value = _number(row["value"]) + (interval if pd.notna(row["low"]) or pd.notna(row["high"]) else "")
    facts = {
        "Verdict": f'<strong class="{kind.replace(" ", "-")}">{escape(row["verdict"])}</strong>',
        "Value": escape(value),
        "Quantity": escape(row["quantity"]),
        "Threshold": escape(f"{row['threshold']}: {row['reason']}"),
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
    overview = claims[["id", "sentence", "data", "value", "low", "high", "verdict"]]
    introduction = (
        "Sentences of the paper, quoted or closely paraphrased, judged by the numbers of this run: "
        + ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        + ". Each names the data that it was judged on, which may not be the paper's. Where the sentence "
        "names several layers or networks, the value is that of the one that speaks most against it. "
        "Supported and not supported mean that the whole interval lies on one side of the threshold; a "
        "value whose interval includes the threshold is shown, but tests nothing."
    )
    covered = ", ".join(f"{share:.0%} with {seeds} seeds" for seeds, share in COVERAGE.items())
    explanation = (
        "low and high are 95 % intervals, unless the quantity says otherwise. Intervals by bootstrap over "
        f"seeds cover less than 95 % for few seeds: {covered} (mean of normal values)."
    )
    parts = [section("Overview", explanation, overview), *map(_claim, claims.to_dict("records"))]
    return page("Claims of the paper", introduction, parts)
