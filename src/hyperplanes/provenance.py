"""Where and when a result was made; a record for people, which nothing depends on."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from hyperplanes.devices import processor
from hyperplanes.files import write_json


def _git(*arguments: str) -> str | None:
    """Return what git prints in the checkout of this package, or None outside of one."""
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def describe(device: str) -> dict[str, Any]:
    """Return time, machine, device, commit of the code, and versions of all packages."""
    changes = _git("status", "--porcelain")
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "device": device,
        "processor": processor(device),
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": None if changes is None else bool(changes),
        "packages": dict(sorted((d.name, d.version) for d in distributions())),
    }


def write(path: Path, device: str) -> None:
    """Write the record of a result made now on `device`, unless there is one."""
    if not path.exists():
        write_json(path, describe(device))
