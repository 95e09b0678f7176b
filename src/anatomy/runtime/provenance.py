"""Where and when a result was made; a record for people, which nothing depends on."""

import platform
import resource
import subprocess
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from anatomy.runtime.devices import gpu_peak_memory, processor
from anatomy.runtime.files import write_json


def _git(*arguments: str) -> str | None:
    """Return what git prints in the checkout of this package, or None outside of one."""
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def describe(device: str, gpu_seconds: float | None) -> dict[str, Any]:
    """Return time, machine, device, cost, commit of the code, and versions of all packages.

    Memory, in bytes, is the most that this process has held so far; that of a GPU is what torch reserved.
    """
    changes = _git("status", "--porcelain")
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "device": device,
        "processor": processor(device),
        "peak_memory": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "gpu_seconds": gpu_seconds,
        "gpu_peak_memory": gpu_peak_memory(device),
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": None if changes is None else bool(changes),
        "packages": dict(sorted((d.name, d.version) for d in distributions())),
    }


def write(path: Path, device: str, gpu_seconds: float | None) -> None:
    """Write the record of a result made now on `device`, unless there is one.

    `gpu_seconds` is the time that a GPU worked on it; None without one.
    """
    if not path.exists():
        write_json(path, describe(device, gpu_seconds))
