"""Rows about whole programs: memory, start, many snapshots, several seeds, a whole run, threads.

What measures memory here does not import torch, so that a program's memory is its own; see
`measure.run_program`.
"""

import json
import tempfile
from pathlib import Path
from statistics import mean

import material
import measure
from anatomy.runtime.processor import has_bfloat16_units
from anatomy.runtime.settings import Settings
from measure import SCRIPTS, Options, Row

CORES = 2


def train_command(
    folder: Path, dataset: Path, settings: Settings, seed: int = 0, threads: int = 1, gpus: int = 0
) -> list[str | Path]:
    """Return the command of a rule that trains one run into a new directory below `folder`."""
    output = tempfile.mkdtemp(dir=folder)
    command = [SCRIPTS / "train_network.py", "--experiment", "benchmark", "--schema", material.SCHEMA]
    command += ["--settings", json.dumps(settings.stored()), "--dataset", dataset, "--seed", str(seed)]
    command += ["--output", output]
    return [*command, "--threads", str(threads), "--gpus", str(gpus)]


def memory(options: Options) -> list[Row]:
    """Compare the largest resident memory of two processes that take a few steps."""
    batch, width = options.size((128, 1.0), (8, 0.0625))
    steps: dict[str, list[float]] = {"reference": [], "ours": []}
    runs: dict[str, list[float]] = {"reference": [], "ours": []}
    with tempfile.TemporaryDirectory() as folder:
        folder, dataset = Path(folder), Path(folder) / "data"
        data = material.prepare_colours(dataset, 3 * batch, options.data)
        settings = material.settings(width=width, epochs=1, batch_size=batch)
        for _ in range(options.rounds_of(3)):
            programs = {
                "reference": reference_command(folder, dataset, width, 1, threads=1),
                "ours": train_command(folder, dataset, settings),
            }
            for name, program in programs.items():
                few = (Path(__file__).with_name("steps.py"), name, str(batch), str(width))
                steps[name].append(measure.run_program(*few).peak / 2**20)
                runs[name].append(measure.run_program(*program).peak / 2**20)
    details = f"VGG19 at 32 px, width {width:g}, batch {batch}, float32"
    return [
        Row(
            "memory",
            "largest memory of a process that takes three steps, against the reference",
            measure.ratios(steps["ours"], steps["reference"]),
            f"{details}, with the start of the program; {measure.medians(steps, 'MiB')}",
            *("at most", 0.55),
        ),
        Row(
            "memory-run",
            "the same of a whole run of the program, which ends with the whole network restored",
            measure.ratios(runs["ours"], runs["reference"]),
            f"{details}, one epoch, {data}; {measure.medians(runs, 'MiB')}",
        ),
    ]


def many_snapshots(options: Options) -> list[Row]:
    """Measure the snapshots of a long run in one process."""
    count, width = options.size((100, 1.0), (5, 0.0625))
    usages = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        paths = measure.in_a_process(material.write_snapshots, folder, width, count)
        for _ in range(options.rounds_of(3)):
            command = [SCRIPTS / "measure_projections.py", "--snapshots", *paths]
            usages.append(measure.run_program(*command, "--output", tempfile.mkdtemp(dir=folder)))
    details = f"VGG19, width {width:g}, measure_projections.py, {count} links to one file, which is cached"
    return [
        Row(
            "many-time",
            f"statistics of {count} snapshots in one process, CPU time",
            [usage.cpu for usage in usages],
            details,
            *("at most", 10.0, "s"),
        ),
        Row(
            "many-memory",
            "largest memory of that process",
            [usage.peak / 2**30 for usage in usages],
            details,
            *("at most", 1.5, "GiB"),
        ),
    ]


def start(options: Options) -> list[Row]:
    """Time the help of measure_projections.py."""
    command = SCRIPTS / "measure_projections.py", "--help"
    measure.run_program(*command)
    usages = [measure.run_program(*command) for _ in range(options.rounds_of(10))]
    return [
        Row(
            "start",
            "measure_projections.py --help, CPU time",
            [usage.cpu for usage in usages],
            "after a first start",
            *("at most", 0.5, "s"),
        )
    ]


def reference_command(
    folder: Path, dataset: Path, width: float, epochs: int, threads: int = CORES, workers: int = 1
) -> list[str | Path]:
    """Return the command that trains the plain reference into a new directory below `folder`."""
    command = [Path(__file__).with_name("reference.py"), "--dataset", dataset, "--width", str(width)]
    output = tempfile.mkdtemp(dir=folder)
    command += ["--output", output, "--epochs", str(epochs), "--threads", str(threads)]
    return [*command, "--workers", str(workers)]


def seeds(options: Options) -> list[Row]:
    """Train eight seeds, two at a time, against one alone."""
    images, epochs = options.size((10_000, 12), (64, 1))
    details = []
    eight, two = [], []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        data = material.prepare_grey(folder / "data", images)
        settings = material.settings(architecture="lenet", epochs=epochs, snapshots=[0, epochs])

        def trained(count):
            commands = [train_command(folder, folder / "data", settings, seed) for seed in range(count)]
            return measure.side_by_side(commands, CORES)

        for _ in range(options.rounds_of(1)):
            # What the machine does meanwhile hits one run alone as it hits eight.
            before, pair, every, after = (trained(count) for count in (1, 2, 8, 1))
            eight.append(every / mean((before, after)))
            two.append(pair / mean((before, after)))
            details.append(f"alone {before:.0f} and {after:.0f} s, eight {every:.0f} s")
    what = f"LeNet, {epochs} epochs, {data}; {', '.join(details)}"
    return [
        Row(
            "seeds",
            f"8 LeNet seeds on {CORES} cores, wall time in runs alone",
            eight,
            what,
            *("at most", 4.5),
        ),
        Row(
            "seeds-two",
            "two of them side by side, wall time in runs alone: what the machine makes of two processes",
            two,
            what,
        ),
    ]


def whole_run(options: Options) -> list[Row]:
    """Train quarter-width VGG19 from start to end of the program, against the reference program."""
    rows = []
    # Without such units a step in bfloat16 takes ten times as long; fewer images show that as well.
    slow = not has_bfloat16_units()
    # The median of five rounds moves by 3 % from one benchmark to the next.
    plan = (("float32", 2.0, 8_000, 9), ("bf16", 3.0, 500 if slow else 8_000, 1 if slow else 5))
    for precision, limit, images, default in plan:
        images, epochs = options.size((images, 3), (80, 1))
        width = options.size(0.25, 0.0625)
        seconds: dict[str, list[float]] = {"reference": [], "ours": []}
        with tempfile.TemporaryDirectory() as folder:
            folder, dataset = Path(folder), Path(folder) / "data"
            data = material.prepare_colours(dataset, images, options.data)
            settings = material.settings(width=width, epochs=epochs, precision=precision)
            for index in range(options.rounds_of(default)):
                programs = {
                    "reference": reference_command(folder, dataset, width, epochs),
                    "ours": train_command(folder, dataset, settings, threads=CORES),
                }
                for name in sorted(programs, reverse=index % 2 == 0):
                    seconds[name].append(measure.run_program(*programs[name]).wall)
        details = (
            f"VGG19 at 32 px, width {width:g}, {epochs} epochs with a snapshot each, {data} with one in ten "
            f"for validation, both with {CORES} threads, the reference with one process that loads; "
        )
        if precision == "bf16" and slow:
            details += "this CPU has no bfloat16 units; "
        rows.append(
            Row(
                f"run-{precision}",
                f"whole run, {precision} against the reference in float32, wall time",
                measure.ratios(seconds["reference"], seconds["ours"]),
                details + measure.medians(seconds, "s"),
                *("at least", limit),
                threads=CORES,
            )
        )
    return rows


def threads(options: Options) -> list[Row]:
    """Train two runs with one thread each at a time, against one after the other with two threads."""
    images, epochs = options.size((8_000, 1), (80, 1))
    width = options.size(0.25, 0.0625)
    seconds: dict[str, list[float]] = {"two threads": [], "one thread": []}
    with tempfile.TemporaryDirectory() as folder:
        folder, dataset = Path(folder), Path(folder) / "data"
        data = material.prepare_colours(dataset, images, options.data)
        settings = material.settings(width=width, epochs=epochs)
        for _ in range(options.rounds_of(3)):
            two = train_command(folder, dataset, settings, threads=CORES)
            seconds["two threads"].append(2 * measure.side_by_side([two], 1))
            one = [train_command(folder, dataset, settings, seed) for seed in range(2)]
            seconds["one thread"].append(measure.side_by_side(one, CORES))
    return [
        Row(
            "threads",
            "two runs side by side with one thread each, times faster than one after the other with two",
            measure.ratios(seconds["two threads"], seconds["one thread"]),
            f"VGG19 at 32 px, width {width:g}, {epochs} epoch, {data}; two runs take "
            + measure.medians(seconds, "s"),
            threads=CORES,
        )
    ]
