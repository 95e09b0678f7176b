"""The epochs of a run so far: what is recorded of each, as a file and for a log."""

from dataclasses import asdict, dataclass
from pathlib import Path

from anatomy.runtime.files import write_csv


@dataclass(frozen=True)
class EpochRecord:
    """One row of history.csv. Losses are means over images, accuracies fractions of one.

    Training values are means over the epoch's augmented batches, taken while the weights change.
    Epoch 0 is the initialisation; it has no training values. `seconds` are wall time with evaluation since
    the record before, `gpu_seconds` those that a GPU took to train; there are none on a CPU.
    """

    epoch: int
    learning_rate: float | None
    train_loss: float | None
    train_accuracy: float | None
    validation_loss: float
    validation_accuracy: float
    seconds: float
    gpu_seconds: float | None


def write_history(path: Path, history: list[EpochRecord]) -> None:
    """Write one row per evaluated epoch as CSV, recorded; a value that does not exist is an empty field."""
    write_csv(path, EpochRecord.__annotations__, map(asdict, history), recorded=True)


def describe(record: EpochRecord, epochs: int) -> str:
    """Return one line about an epoch, for a log."""
    parts = [f"epoch {record.epoch}/{epochs}"]
    if record.train_loss is not None:
        parts.append(f"rate {record.learning_rate:.2g}")
        parts.append(f"train {record.train_loss:.4f} {record.train_accuracy:.1%}")
    parts.append(f"validation {record.validation_loss:.4f} {record.validation_accuracy:.1%}")
    return ", ".join([*parts, f"{record.seconds:.1f} s"])
