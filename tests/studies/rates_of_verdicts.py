"""What claims of every study are held to on made-up results, of which it is known whether they are true."""

from collections.abc import Callable, Iterable, Mapping

from anatomy.reporting.claims import ERROR, NOT_SUPPORTED, NOT_TESTED, SUPPORTED
from claim_nulls import Simulation
from verdict_rates import CLAIM, CLAIMS_OF, lower_limit, verdict_counts


def situations(
    simulations: Mapping[str, Simulation], seeds_of: Callable[[str], Iterable[int]]
) -> list[tuple[str, str, int]]:
    """Return claim, situation and number of seeds of all situations in which a verdict may be false."""
    return [
        (name, words, seeds)
        for name, simulation in simulations.items()
        for words in {**simulation.false, **simulation.true}
        for seeds in seeds_of(name)
    ]


def assert_all_are_made_up(study: str, simulations: Mapping[str, Simulation]) -> None:
    """Assert that every claim of a study has draws on which it is false, and on which it is true."""
    assert simulations.keys() == {entry.id for entry in CLAIMS_OF[study]}
    assert all(simulation.false and simulation.true for simulation in simulations.values())


def assert_rarely_false(
    simulations: Mapping[str, Simulation], name: str, words: str, seeds: int, draws: int, tested: bool = True
) -> None:
    """Assert that no verdict is surely false in more than 5 % of draws, and that all are judged, or none."""
    simulation = simulations[name]
    found = verdict_counts(CLAIM[name], {**simulation.false, **simulation.true}[words], seeds, draws, words)
    assert found.get(NOT_TESTED, 0) == (0 if tested else draws)
    if words in simulation.false:
        assert lower_limit(found.get(SUPPORTED, 0), draws) <= ERROR, found
    if words in simulation.true:
        assert lower_limit(found.get(NOT_SUPPORTED, 0), draws) <= ERROR, found


def assert_effect_is_seen(simulations: Mapping[str, Simulation], name: str, draws: int = 40) -> None:
    """Assert that an effect is seen with ten seeds in two thirds of draws: who never decides never errs."""
    words, draw = simulations[name].effect
    found = verdict_counts(CLAIM[name], draw, 10, draws, words)
    assert found.get(SUPPORTED, 0) >= 0.65 * draws, found
