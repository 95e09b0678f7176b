"""What this machine's CPU has, as far as it decides how long something takes."""

from collections.abc import Iterable
from pathlib import Path

# Flags of /proc/cpuinfo, of x86 and of ARM.
BFLOAT16_UNITS = {"avx512_bf16", "amx_bf16", "bf16"}


def processor_lines() -> list[str]:
    """Lines of /proc/cpuinfo; none where there is no such file."""
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []


def has_bfloat16_units(lines: Iterable[str] | None = None) -> bool:
    """Whether this CPU, or that of these lines, multiplies bfloat16 in hardware."""
    lines = processor_lines() if lines is None else lines
    flags = (line for line in lines if line.startswith(("flags", "Features")))
    return bool(BFLOAT16_UNITS & set(next(flags, "").split()))


def bfloat16_note(experiments: Iterable[str], lines: Iterable[str] | None = None) -> str | None:
    """Return what to expect of experiments in bf16 on this CPU, or that of these lines.

    None if it has the units. Factors as in docs/benchmarks.md (bf16 against float32, with them) and
    config/precision.yaml (without).
    """
    names, lines = list(experiments), processor_lines() if lines is None else list(lines)
    # Without a word on its flags nothing is known of a CPU.
    if not names or not lines or has_bfloat16_units(lines):
        return None
    return (
        f"precision is bf16 ({', '.join(names)}), and this CPU has no bfloat16 units: what takes 30 minutes "
        "with them takes about 11 hours here, in float32 75 minutes: --config 'defaults={precision: float32}'"
    )
