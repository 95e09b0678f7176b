"""Print where the time of training full-size VGG19 goes on a GPU: parts of an epoch, steps, kernels.

`--together N` instead trains N runs side by side and prints the time for each step of all.
"""

import argparse
import csv
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

import gpu_rows
import material
import measure
from anatomy.runtime.devices import set_up_torch
from measure import Options

REPEATS = 5


def milliseconds(action, options: Options, repeats: int = REPEATS) -> float:
    """Return the median wall time of `action` and of the work that it starts, after a first call."""
    call = gpu_rows.waited(action, options)
    call()
    values = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        values.append(1000 * (time.perf_counter() - start))
    return measure.median(values)


def steps_of(options: Options, precision: str, steps: int, graphed: bool = True):
    """Return a run, and what trains an epoch of so many steps of it."""
    batch, width = options.size((gpu_rows.BATCH, 1.0), (8, 0.0625))
    set_up_torch(1, options.device, precision)
    experiment = {"width": width, "batch_size": batch, "precision": precision, "epochs": 100_000}
    validation = options.size(gpu_rows.VALIDATION, 16)
    run = material.small_run(steps * batch, device=options.device, validation=validation, **experiment)
    if not graphed:
        run.take_step = run.step
    return run, lambda: run.train_epoch(1)


def print_steps(options: Options, steps: int) -> None:
    """Print the time of a step, as it is and in variants that change its bits or its launches."""
    for precision in ("bf16", "tf32", "float32"):
        _, epoch = steps_of(options, precision, steps)
        print(f"step, {precision}: {milliseconds(epoch, options) / steps:.3f} ms", flush=True)
    _, epoch = steps_of(options, "bf16", steps, graphed=False)
    print(f"step, bf16, without a graph: {milliseconds(epoch, options) / steps:.3f} ms", flush=True)
    for name, deterministic, benchmark in (
        ("any kernels", "default", False),
        ("fastest of deterministic kernels", "warn", True),
        ("fastest kernels", "default", True),
    ):
        run, epoch = steps_of(options, "bf16", steps)
        torch.set_deterministic_debug_mode(deterministic)
        torch.backends.cudnn.benchmark = benchmark
        print(f"step, bf16, {name}: {milliseconds(epoch, options) / steps:.3f} ms", flush=True)
        del run
    torch.backends.cudnn.benchmark = False


def print_epoch(options: Options, steps: int) -> None:
    """Print the time of what an epoch has beside its steps, and of the kernels of some steps."""
    run, epoch = steps_of(options, "bf16", steps)
    run.advance()
    origin, snapshot = material.ORIGIN, None
    snapshot = run.snapshot(origin)
    print(f"evaluation: {milliseconds(lambda: run.measure(*run.task.validation), options):.1f} ms")
    print(f"start of an epoch: {milliseconds(lambda: run.start_epoch(1), options):.1f} ms")
    print(f"copy of a snapshot: {milliseconds(lambda: run.snapshot(origin, snapshot), options):.1f} ms")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "epoch=0.safetensors"
        from anatomy.checkpoints.snapshots import save_snapshot, snapshot_checksums

        print(f"its file: {milliseconds(lambda: save_snapshot(path, snapshot), options):.1f} ms")
        print(
            f"its checksums: {milliseconds(lambda: snapshot_checksums(snapshot), options):.1f} ms", flush=True
        )
    epoch()
    if options.device == "cuda":
        from torch.profiler import ProfilerActivity, profile

        with profile(activities=[ProfilerActivity.CUDA]) as profiler:
            gpu_rows.waited(epoch, options)()
        table = profiler.key_averages().table(
            sort_by="self_cuda_time_total", row_limit=40, max_name_column_width=90
        )
        print(f"kernels of {steps} steps\n{table}", flush=True)


def print_together(options: Options, runs: int) -> None:
    """Train several runs side by side; print the seconds of their epochs and the time for a step of each."""
    epochs, images, width = options.size((6, 22_600, 1.0), (2, 64, 0.0625))
    settings = material.settings(epochs=epochs, precision="bf16", width=width, snapshots=[0, epochs])
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        gpu_rows.write_dataset(material.random_dataset(images, test=100), folder / "data", "random", {})
        gpus = int(options.device == "cuda")
        commands = [
            gpu_rows.train_command(folder, folder / "data", settings, seed, gpus=gpus) for seed in range(runs)
        ]
        with ThreadPoolExecutor(runs) as pool:
            list(pool.map(lambda command: measure.run_program(*command), commands))
        seconds = [
            [float(row["seconds"]) for row in csv.DictReader(path.open())][2:]
            for path in folder.glob("*/history.csv")
        ]
    steps = -(-images * 9 // 10 // gpu_rows.BATCH)
    rate = sum(steps / measure.median(each) for each in seconds)
    print(f"{runs} together: epochs of {steps} steps took {seconds} s; {1000 / rate:.3f} ms for each step")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smallest sizes: a trial")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--together", type=int, metavar="N", help="train N runs side by side")
    arguments = parser.parse_args()
    options = Options(quick=arguments.quick, device=arguments.device)
    if arguments.together:
        print_together(options, arguments.together)
        return
    print(gpu_rows.gpu_name(options), "torch", torch.__version__, flush=True)
    steps = options.size(50, 2)
    print_steps(options, steps)
    print_epoch(options, steps)


if __name__ == "__main__":
    main()
