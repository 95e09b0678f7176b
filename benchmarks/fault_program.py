"""All faults that one program of the pipeline can meet; called by faults.py, which adds up what it prints.

What must hold after each attempt:

- a file of results that is there is whole, whatever ended the program;
- a program that refuses exits with 1 and one line, which names the file at fault;
- nothing is measured of damaged files: the results are those of whole ones, or there are none;
- the same command again ends in the same bytes, with nothing left beside them.
"""

import argparse
import os
import tempfile
from pathlib import Path

import fault_damage
import fault_kills
import fault_limits
from fault_attempts import Stage
from fault_jobs import Job
from fault_records import Plan

FAULTS = {
    "kills": lambda stage, plan, whole: fault_kills.kills(stage, plan),
    "random-kills": lambda stage, plan, whole: fault_kills.random_kills(stage, plan, whole.seconds),
    "signals": lambda stage, plan, whole: fault_kills.signals(stage, plan, whole.operations),
    "twice": lambda stage, plan, whole: fault_kills.twice(stage, plan, whole.seconds),
    "damage": lambda stage, plan, whole: fault_damage.damaged(stage, whole.operations),
    "limits": lambda stage, plan, whole: fault_limits.limits(stage, plan),
}

IN_MEMORY = "/dev/shm"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--job", required=True, type=Path, help="file of a job, see fault_jobs.Job")
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=list(FAULTS))
    parser.add_argument("--stride", type=int, default=1, help="kill at every so many operations (1)")
    parser.add_argument("--moments", type=int, default=50, help="random moments of a kill (50)")
    parser.add_argument("--signals", type=int, default=12, help="operations at which a signal is sent (12)")
    parser.add_argument("--quick", action="store_true", help="fewer of everything else")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    plan = Plan(arguments.stride, arguments.moments, arguments.signals, arguments.quick)
    # Where nothing waits for a disk: what is killed here are processes.
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None) as folder:
        stage = Stage(Job.read(arguments.job), Path(folder, "stage"))
        whole = stage.prepare()
        for name in arguments.faults:
            for record in FAULTS[name](stage, plan, whole):
                print(record.as_line(), flush=True)


if __name__ == "__main__":
    main()
