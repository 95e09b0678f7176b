"""A run under way and the folder in which it works: the snapshots and the state that it has kept so far.

Checksums of the snapshots belong to the state. If one of them is damaged when the run goes on, it is trained
again from the beginning up to there, which gives the same bits; then the run goes on from its state.
"""

import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from anatomy.checkpoints.snapshots import Snapshot, save_snapshot, snapshot_checksums
from anatomy.runtime import files, signals
from anatomy.runtime.background import BackgroundWriter
from anatomy.runtime.checksums import xxh3_of
from anatomy.training import resume
from anatomy.training.history import describe
from anatomy.training.kept_log import keep_log
from anatomy.training.run import Run


class WorkingFolder:
    """Trains a run epoch by epoch; `sha256` and `xxh3` are those of each snapshot kept, by its file."""

    def __init__(
        self,
        run: Run,
        folder: Path,
        writer: BackgroundWriter,
        origin: Mapping[str, Any],
        fingerprint: str,
        save_every: float,
    ):
        self.run, self.folder, self.writer = run, folder, writer
        self.origin, self.fingerprint, self.save_every = origin, fingerprint, save_every
        self.sha256: dict[str, str] = {}
        self.xxh3: dict[str, str] = {}
        self.snapshot: Snapshot | None = None
        # Snapshots of which a power cut may leave nothing yet.
        self.unsynced: list[Path] = []
        self.state_file = resume.STATE_FILE
        # When the state was saved, and where the run was.
        self.saved, self.saved_position = time.monotonic(), run.position
        run.after_step = self._after_step

    def advance(self, kept: Collection[int]) -> None:
        """Train the next epoch; keep a snapshot if it is one of those that are kept."""
        run = self.run
        if (record := run.advance()) is not None:
            print(describe(record, run.settings.epochs), file=sys.stderr, flush=True)
        if run.kept_as in kept:
            self.writer.wait()
            self.snapshot = run.snapshot(self.origin, self.snapshot)
            self.writer.submit(self._keep, resume.snapshot_file(run.kept_as), self.snapshot)

    def _keep(self, name: str, snapshot: Snapshot) -> None:
        """Write a snapshot, and remember its checksum."""
        save_snapshot(self.folder / name, snapshot, durable=False)
        self.unsynced.append(self.folder / name)
        self.sha256[name], self.xxh3[name] = snapshot_checksums(snapshot)

    def sync(self) -> None:
        """Wait until all snapshots are on disk, where a power cut leaves them."""
        self.writer.wait()
        files.sync([*self.unsynced, *{path.parent for path in self.unsynced}])
        self.unsynced = []

    @property
    def is_due(self) -> bool:
        """Whether it is time to save the state."""
        return time.monotonic() - self.saved >= self.save_every

    def save(self) -> None:
        """Save the state, after all snapshots up to it."""
        self.sync()
        state = self.run.state(), self._progress(), self.fingerprint
        resume.save_state(self.folder, *state, self.state_file)
        self.saved, self.saved_position = time.monotonic(), self.run.position

    def _progress(self) -> dict[str, Any]:
        """Return what goes into a state beside tensors."""
        history = [asdict(record) for record in self.run.history]
        return {"epoch": self.run.position[0], "history": history, "sha256": self.sha256}

    def _after_step(self) -> None:
        """Stop between steps if a signal has come, and save now and then if an epoch takes long."""
        signals.check()
        if self.is_due:
            self.save()

    @contextmanager
    def saved_if_stopped(self) -> Iterator[None]:
        """Save the state if a signal stops what is done in this context, and say so in its `Stopped`."""
        try:
            yield
        except signals.Stopped as stop:
            # Of epoch 0 there is nothing to save before it is evaluated.
            if self.run.history and self.run.position != self.saved_position:
                self.save()
            raise signals.Stopped(
                stop.number, f"{stop} {self.where}; the same command goes on there"
            ) from None

    @property
    def where(self) -> str:
        """How far the run is."""
        epoch, steps = self.run.position
        inside = f" and {steps} of {self.run.steps_per_epoch} steps" if steps else ""
        return f"after epoch {epoch}{inside}" if self.run.history else "before the first epoch"

    def take_up(self) -> None:
        """Let the run go on where an earlier attempt at it was, if there was one."""
        earlier = resume.load_state(self.folder, self.fingerprint)
        keep_log(self.folder)
        if earlier is None:
            return
        tensors, progress = earlier
        names = {resume.snapshot_file(epoch): epoch for epoch in self.run.kept_epochs}
        kept = {name: checksum for name, checksum in progress["sha256"].items() if name in names}
        damaged = [name for name in kept if not resume.is_whole(self.folder / name, kept[name])]
        if damaged:
            self._make_again({names[name] for name in damaged})
        if self.sha256.items() - kept.items():
            # Not the same bits: a GPU may have no kernel that repeats them.
            progress = {**progress, "sha256": {**kept, **self.sha256}}
            resume.save_state(self.folder, tensors, progress, self.fingerprint)
        self.sha256 = {**kept, **self.sha256}
        self.xxh3 = {name: xxh3_of(self.folder / name) for name in kept} | self.xxh3
        self._restore(tensors, progress)
        print(f"continuing {self.where}", file=sys.stderr)

    def _restore(self, tensors: Mapping[str, Any], progress: Mapping[str, Any]) -> None:
        """Let the run go on from a state that is on disk."""
        self.run.restore(tensors, progress["history"], progress["epoch"])
        self.saved, self.saved_position = time.monotonic(), self.run.position

    def _make_again(self, epochs: set[int]) -> None:
        """Train from the beginning up to the last of some epochs, to make their snapshots again."""
        names = " and ".join(str(self.folder / resume.snapshot_file(epoch)) for epoch in sorted(epochs))
        print(f"{names} missing or damaged; training again up to there", file=sys.stderr, flush=True)
        # The state that is further stays as it is meanwhile.
        self.state_file = resume.AGAIN_FILE
        again = resume.read_state(self.folder, self.state_file)
        if again is not None and again[0] == self.fingerprint and again[2]["epoch"] < min(epochs):
            self._restore(*again[1:])
        while epochs and not self.run.finished:
            signals.check()
            self.advance(epochs)
            epochs.discard(self.run.kept_as)
            if self.is_due:
                self.save()
        self.sync()
        (self.folder / self.state_file).unlink(missing_ok=True)
        self.state_file = resume.STATE_FILE
