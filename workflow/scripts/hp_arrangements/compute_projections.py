"""Compute the projection statistics of any network, as the authors' compute_projections.py does."""

from anatomy.runtime.errors import run_program
from anatomy.studies.arrangements.hp_arrangements.options import parse_compute_projections


def main() -> None:
    options = parse_compute_projections()
    if not options.arch or not options.dataset:
        from anatomy.studies.arrangements.hp_arrangements.names import choices

        print(choices())
        return
    from anatomy.studies.arrangements.hp_arrangements.compute_projections import measure

    for path in measure(options):
        print(path)


if __name__ == "__main__":
    run_program(main)
