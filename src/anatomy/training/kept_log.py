"""The lines of all attempts at a run in one log; Snakemake deletes that of a job which it starts again."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from anatomy.runtime.files import atomic

LOG = "train.log"


def keep_log(folder: Path) -> None:
    """Print what earlier attempts have logged, and keep the log of this one in the working folder of its run.

    That is if this program prints to `train.log` beside that folder; a second name of this file is kept.
    """
    log, kept = folder.parent / LOG, folder / LOG
    try:
        if not os.path.samestat(os.fstat(sys.stderr.fileno()), log.stat()):
            return
    except OSError:
        # There is no such log, or what is printed goes to no file.
        return
    if kept.is_file():
        if kept.samefile(log):
            return
        print(kept.read_text(errors="replace"), end="", file=sys.stderr, flush=True)
    # Not every file system has hard links.
    with suppress(OSError), atomic(kept, durable=False) as temporary:
        os.link(log, temporary)
