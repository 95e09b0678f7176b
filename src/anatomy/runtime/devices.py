"""Which device a program computes on. Snakemake counts GPUs; this module hands them out."""

import ctypes
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

from filelock import FileLock, Timeout

from anatomy.runtime.environment import variable
from anatomy.runtime.errors import InputError

# Numbers of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def visible_gpus() -> list[str]:
    """Return the GPUs this process may use: CUDA_VISIBLE_DEVICES if set, else all of the machine."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        # As CUDA reads it: the first entry that is no device, e.g. -1, hides itself and all after it.
        devices = (device.strip() for device in allowed.split(","))
        return list(takewhile(re.compile(r"\d|GPU-|MIG-").match, devices))
    try:
        listing = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return []
    return listing.stdout.split()


def runs_per_gpu() -> int:
    """Return how many processes may share a GPU: $ANATOMY_RUNS_PER_GPU, else 1."""
    value = variable("RUNS_PER_GPU") or "1"
    if not re.fullmatch("[1-9][0-9]*", value):
        raise InputError(f"ANATOMY_RUNS_PER_GPU is {value!r}; expected a whole number of at least 1")
    return int(value)


@contextmanager
def claim_device(gpus: int, poll_seconds: float = 1.0) -> Iterator[str]:
    """Hold a device while the context lasts: yields "cpu" for 0 GPUs, "cuda" for 1.

    Each process takes the first free slot of a GPU, and waits if there is none: a GPU has
    $ANATOMY_RUNS_PER_GPU slots, one by default, and every GPU fills its first before any its second. Slurm
    has assigned a device already where its job sees one only; those of a job with several are handed
    out among the processes of that job. To be called before torch starts CUDA.
    """
    if gpus == 0:
        yield "cpu"
        return
    devices, job = visible_gpus(), os.environ.get("SLURM_JOB_ID")
    if job is not None and len(devices) <= 1:
        yield "cuda"
        return
    if not devices:
        raise InputError(
            "a GPU is requested but none is visible; leave out --cuda, in a configuration set `device: cpu`, "
            "or check nvidia-smi and CUDA_VISIBLE_DEVICES"
        )
    directory = Path(tempfile.gettempdir()) / f"anatomy-gpus-{os.getuid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    # Jobs on one machine may each count their own devices from 0.
    prefix = "" if job is None else f"slurm-{job}."
    slots = [(slot, device) for slot in range(runs_per_gpu()) for device in devices]
    while True:
        for slot, device in slots:
            name = f"{prefix}{device}.{slot}.lock".replace("/", "_")
            lock = FileLock(directory / name, timeout=0)
            try:
                lock.acquire()
            except Timeout:
                continue
            os.environ["CUDA_VISIBLE_DEVICES"] = device
            try:
                yield "cuda"
            finally:
                lock.release()
            return
        time.sleep(poll_seconds)


def limit_numpy(threads: int) -> None:
    """Have numpy, which is not imported yet, compute with so many threads; programs that are started, too.

    Its own would spin beside torch's: eigenpairs of small networks took three times the CPU time.
    """
    os.environ["OPENBLAS_NUM_THREADS"] = str(threads)


def set_up_torch(threads: int, device: str, precision: str = "float32") -> None:
    """Make torch repeat its bits: a fixed number of CPU threads, deterministic kernels, a fixed precision.

    `tf32` lets a GPU round the factors of its multiplications to 10 bits; a CPU has no such format.
    `InputError` if `device` is "cuda" and this torch cannot use it.
    """
    # cuBLAS reads this when CUDA starts; without it some of its kernels are not deterministic.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise InputError(
            f"a GPU is requested but torch {torch.__version__} finds none that it can use; "
            "install a CUDA build of torch, or leave out --cuda; in a configuration set `device: cpu`"
        )
    _keep_freed_memory()
    torch.set_num_threads(threads)
    # The same as use_deterministic_algorithms(True, warn_only=True), which imports torch's compiler as well.
    torch.set_deterministic_debug_mode("warn")
    # Nothing here reads memory before it is written, and filling it costs up to a tenth of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"


def _keep_freed_memory() -> None:
    """Let glibc keep up to 64 MiB that a step frees, for the next step.

    These are the values up to which it raises its own. Before it has done so it may give memory back after
    every batch and ask for it again, which can take longer than to make the batch.
    """
    # Only glibc has it.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, 32 * 2**20)
        mallopt(_TRIM_THRESHOLD, 64 * 2**20)


def processor(device: str) -> str:
    """Return what decides the kernels that torch takes: the GPU's name, or the CPU's vector units."""
    import torch

    return torch.cuda.get_device_name() if device == "cuda" else torch.backends.cpu.get_cpu_capability()


def gpu_peak_memory(device: str) -> int | None:
    """Return the most bytes that torch has reserved on the GPU; None on a CPU."""
    import torch

    return torch.cuda.max_memory_reserved() if device == "cuda" else None
