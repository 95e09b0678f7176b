"""Put the rates of false verdicts, and of effects that are seen, under the text of docs/statistics.md.

They are counted over made-up results of which it is known whether a claim is true.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from anatomy.reporting.claims import NOT_SUPPORTED, NOT_TESTED, SUPPORTED
from anatomy.runtime.files import write_text
from claim_nulls import WIDTHS
from measure import ROOT
from table import conditions
from verdict_rates import CLAIM, SEEDS, all_simulations, verdict_counts

SIMULATIONS = all_simulations()

# What is written below this line of the page is replaced.
BELOW = "<!-- Below: make simulate -->"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=10_000, help="draws of each situation")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/statistics.md", help="page to complete")
    return parser.parse_args()


def situations(name: str) -> dict:
    """Return the draws of a claim, by their words."""
    simulation = SIMULATIONS[name]
    return {**simulation.false, **simulation.true, simulation.effect[0]: simulation.effect[1]}


def counted(task: tuple[str, str, int, int]) -> dict[str, int]:
    """Return the number of draws with each verdict, of a claim, a situation, seeds and draws."""
    name, words, seeds, draws = task
    return verdict_counts(CLAIM[name], situations(name)[words], seeds, draws, words)


def without_width(words: str) -> str:
    """Return words of a situation without the width of its network."""
    for width in WIDTHS:
        words = words.removesuffix(f", {width}")
    return words


def in_words(situation: dict) -> str:
    """Return the situations of a claim, each once."""
    return "; or ".join(dict.fromkeys(map(without_width, situation)))


def percentages(found: dict, name: str, words: list[str], verdict: str, draws: int) -> str:
    """Return the highest rate of a verdict over situations, for each number of seeds; - if none is judged."""
    rates = []
    for seeds in SEEDS:
        counts = [found[name, each, seeds] for each in words]
        tested = any(count.get(NOT_TESTED, 0) < draws for count in counts)
        rates.append(f"{100 * max(c.get(verdict, 0) for c in counts) / draws:.1f}" if tested else "-")
    return " / ".join(rates)


def tables(found: dict, draws: int) -> str:
    """Return both tables, and how they were made."""
    seeds = ", ".join(map(str, SEEDS[:-1])) + f" and {SEEDS[-1]}"
    lines = [
        f"## Rates of false verdicts, in percent, with {seeds} seeds",
        "",
        "| claim | it is false: | supported | it is true: | not supported |",
        "|---|---|---|---|---|",
    ]
    for name, simulation in SIMULATIONS.items():
        wrong = percentages(found, name, list(simulation.false), SUPPORTED, draws)
        missed = percentages(found, name, list(simulation.true), NOT_SUPPORTED, draws)
        false, true = in_words(simulation.false), in_words(simulation.true)
        lines.append(f"| `{name}` | {false} | {wrong} | {true} | {missed} |")
    lines += [
        "",
        "Of several situations, and widths of the network, the highest rate.",
        "",
        f"## Power: how often an effect is seen, in percent, with {seeds} seeds",
        "",
        "| claim | effect | supported |",
        "|---|---|---|",
    ]
    for name, simulation in SIMULATIONS.items():
        words = simulation.effect[0]
        lines.append(f"| `{name}` | {words} | {percentages(found, name, [words], SUPPORTED, draws)} |")
    measured = conditions()
    lines += ["", f"{draws:,} draws of each situation, {measured['date']}, on {measured['machine']}."]
    return "\n".join(lines) + "\n"


def main() -> None:
    arguments = parse_arguments()
    tasks = [
        (name, words, seeds, arguments.draws)
        for name in SIMULATIONS
        for words in situations(name)
        for seeds in SEEDS
    ]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        counts = pool.map(counted, tasks)
        found = {task[:3]: each for task, each in zip(tasks, counts, strict=True)}
    text = arguments.page.read_text(encoding="utf-8").partition(BELOW)[0] if arguments.page.is_file() else ""
    write_text(arguments.page, f"{text}{BELOW}\n\n{tables(found, arguments.draws)}")


if __name__ == "__main__":
    main()
