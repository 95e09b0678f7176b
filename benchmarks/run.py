"""Measure the project against the plain reference, print the table and keep it in docs/benchmarks.md."""

import argparse
import sys
import traceback
from importlib import import_module
from pathlib import Path

import table
from anatomy.runtime.devices import limit_numpy
from measure import ROOT, Options, Row, in_a_process

# Module and function of each benchmark, in the order of the table.
BENCHMARKS = {
    "folding": "training_rows:folding",
    "step": "training_rows:training_step",
    "loading": "training_rows:loading",
    "memory": "program_rows:memory",
    "snapshots": "training_rows:snapshots",
    "seeds": "program_rows:seeds",
    "whole-run": "program_rows:whole_run",
    "threads": "program_rows:threads",
    "gpu-step": "gpu_rows:step",
    "gpu": "gpu_rows:whole_run",
    "gpu-seeds": "gpu_rows:seeds",
    "statistics": "measuring_rows:statistics",
    "many-snapshots": "program_rows:many_snapshots",
    "reinitialisation": "measuring_rows:reinitialisation",
    "cosines": "measuring_rows:exactness",
    "invariance": "invariance_rows:whole",
    "invariance-cost": "invariance_rows:cost",
    "rotation": "invariance_rows:rotation",
    "invariance-memory": "invariance_rows:memory",
    "subspaces": "subspace_rows:whole",
    "curvature-training": "curvature_rows:training",
    "curvature": "curvature_rows:hessian",
    "curvature-products": "curvature_rows:products",
    "curvature-lapack": "curvature_rows:lapack",
    "start": "program_rows:start",
    "planning": "planning_rows:planning",
    "explorer": "explorer_rows:pages",
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, metavar="NAME", default=list(BENCHMARKS))
    parser.add_argument(
        "--rounds", type=int, help="rounds of every benchmark; each has its own number if absent"
    )
    parser.add_argument("--quick", action="store_true", help="smallest sizes, and no file written: a trial")
    parser.add_argument(
        "--data",
        help="directory or archive of train/<class>/* and test/<class>/* with colour images of 32 px, "
        "or its name in a directory of $ANATOMY_DATA; embedded images if absent",
    )
    parser.add_argument(
        "--device", choices=("cuda", "cpu"), default="cuda", help="of the rows about a GPU; cpu is a trial"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs", help="directory of the table")
    parser.epilog = f"Names: {', '.join(BENCHMARKS)}."
    return parser.parse_args()


def measured(name: str, options: Options) -> list[Row]:
    """Return the rows of a benchmark."""
    module, function = BENCHMARKS[name].split(":")
    return getattr(import_module(module), function)(options)


def main() -> None:
    arguments = parse_arguments()
    if arguments.rounds is not None and arguments.rounds < 1:
        sys.exit("error: --rounds must be at least 1")
    # As in jobs of the workflow.
    limit_numpy(1)
    options = Options(arguments.rounds, arguments.quick, arguments.data, arguments.device)
    records, failed = [], []
    for name in arguments.only:
        print(f"{name} ...", file=sys.stderr, flush=True)
        conditions = table.conditions()
        try:
            # In a process of its own, no benchmark changes the memory or the threads of the next.
            rows = in_a_process(measured, name, options)
        except Exception:
            traceback.print_exc(chain=False)
            failed.append(name)
            continue
        new = [table.record(name, row, conditions) for row in rows]
        records += new
        if not arguments.quick:
            table.update(arguments.output, new, list(BENCHMARKS))
    if records:
        print(table.markdown(records))
    if failed:
        sys.exit(f"error: these benchmarks failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
