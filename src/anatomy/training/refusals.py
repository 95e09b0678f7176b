"""A training that was refused is not computed again by the same call of Snakemake, which may try again."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from anatomy.runtime.environment import variable
from anatomy.runtime.errors import BusyError, InputError
from anatomy.runtime.files import write_text
from anatomy.training.kept_log import keep_log

# Names the call of Snakemake whose job it is.
CALL = "CALL"
REFUSAL_FILE = ".refused"


@contextmanager
def refused_once(run: Path) -> Iterator[None]:
    """Raise the `InputError` with which this context ended before, for this run and this call of Snakemake.

    So a loss that is no number costs one training and not three. Another call, as after the configuration
    was corrected, computes; so does another attempt where somebody else was at work on the run.
    """
    call, file = variable(CALL), run / REFUSAL_FILE
    if call is None:
        yield
        return
    known = message = ""
    with suppress(OSError):
        known, _, message = file.read_text(errors="replace").partition("\n")
    if known == call:
        keep_log(run / "resume")
        raise InputError(message)
    try:
        yield
    except BusyError:
        raise
    except InputError as error:
        # What refuses this as well is not what is wrong.
        with suppress(OSError, InputError):
            write_text(file, f"{call}\n{error}", recorded=False)
        raise
    with suppress(OSError):
        file.unlink(missing_ok=True)
