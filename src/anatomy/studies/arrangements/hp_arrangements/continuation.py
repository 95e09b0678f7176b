"""--resume-from: a run of ours that goes on in the same bits, or the weights of any checkpoint."""

import shutil
import sys
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from anatomy.runtime.errors import InputError
from anatomy.runtime.files import read_json, understood, write_json
from anatomy.runtime.fingerprints import fingerprint
from anatomy.runtime.run_files import FINAL_NETWORK, RUN_FILE, read_facts
from anatomy.runtime.settings import Settings, snapshot_epochs
from anatomy.studies.arrangements.hp_arrangements.checkpoint import read_start
from anatomy.studies.arrangements.hp_arrangements.settings import differences, settings_in
from anatomy.training import resume
from anatomy.training.start import INITIALISATION, Start

# The facts of a run that was started by options, written before it starts.
FACTS_FILE = "options.json"
# What may differ if a run goes on as the same run.
EXTENDED = ("settings.epochs", "settings.snapshots.epochs")


def run_of(path: Path) -> Path | None:
    """Return the run directory that `path` is, or that its state file lies in; None if it is none."""
    if path.name == resume.STATE_FILE:
        path = path.parent.parent
    return path if earlier_facts(path) is not None else None


def earlier_facts(run: Path) -> dict[str, Any] | None:
    """Return the facts of the run in a directory; None if there is none."""
    for name in (FACTS_FILE, RUN_FILE):
        if (run / name).is_file():
            with understood(run / name, "the facts of a run", False):
                facts = read_json(run / name)
                if not isinstance(facts["settings"], dict):
                    raise TypeError(f"settings are {facts['settings']!r}")
            return facts
    return None


def start_of(options: Namespace, schema: Mapping[str, Any]) -> Start:
    """Return what --resume-from holds; --start-epoch says after how many epochs, if it is given."""
    path = Path(options.resume_from)
    if path.is_dir() and run_of(path) is None:
        raise InputError(f"--resume-from {path} is no run directory: it has no {RUN_FILE}")
    start = _start_of_run(run, schema) if (run := run_of(path)) else read_start(path)
    return replace(start, epoch=options.start_epoch) if options.start_epoch else start


def _start_of_run(run: Path, schema: Mapping[str, Any]) -> Start:
    """Return weights, optimiser and schedule of a finished run, or the settings of an unfinished one.

    Where the first linear layer was folded, each copy gets its fraction of the momentum; how the copies
    differ in it is lost, which no network that sees copies can notice.
    """
    settings = settings_in(earlier_facts(run), schema)
    known = {"optimiser": settings.optimiser.complete(), "schedule": settings.schedule.complete()}
    if not (run / FINAL_NETWORK).is_file() or not (run / RUN_FILE).is_file():
        return Start(settings.epochs, **known)
    weights = read_start(run / FINAL_NETWORK)
    state, slots = resume.read_state(run / "resume"), {}
    if state is None or state[0] != read_facts(run)["fingerprint"]:
        print(f"{run} has no state of its optimiser, which starts anew", file=sys.stderr)
    else:
        kept = {name: tensor for name, tensor in state[1].items() if not name.startswith("network.")}
        slots = {name: _unfolded(name, tensor, weights.weights) for name, tensor in kept.items()}
    return replace(weights, slots=slots, **known)


def _unfolded(name: str, tensor: torch.Tensor, weights: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Spread a slot evenly over the copies that its parameter was folded from, if it was."""
    shape = weights[name.partition(".")[2]].shape
    if tensor.ndim != 2 or tensor.shape == shape:
        return tensor
    copies = shape[1] // tensor.shape[1]
    return (tensor / copies).repeat_interleave(copies, 1)


def goes_on(source: Path, facts: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
    """Tell whether a run with these facts is the run in `source`, trained for longer."""
    changed = differences(earlier_facts(source), facts, schema).keys()
    return all(key in EXTENDED for key in changed)


def prepare(run: Path, facts: dict[str, Any], options: Namespace, schema: Mapping[str, Any]) -> None:
    """Make the run directory ready for a run with these facts; `InputError` if it holds another one.

    A run that --resume-from continues keeps its snapshots and its state there.
    """
    source = run_of(Path(options.resume_from)) if options.resume_from and "start" not in facts else None
    in_place = source is not None and source.resolve() == run.resolve()
    _refuse_to_change(run, facts, options, schema)
    earlier = None if in_place else earlier_facts(run)
    if earlier is not None and (changed := list(differences(earlier, facts, schema).values())):
        if not options.override:
            raise InputError(
                f"{run} holds a run with other options: {', '.join(changed)}; give another --models-path, "
                "or --override to replace it" + _way_on(earlier, facts, run, schema)
            )
        shutil.rmtree(run / "resume", ignore_errors=True)
        earlier = None
    if source is not None:
        if not in_place and earlier is None:
            shutil.copytree(source / "resume", run / "resume", dirs_exist_ok=True)
        resume.adopt(run / "resume", fingerprint(facts))
    write_json(run / FACTS_FILE, facts)


def _refuse_to_change(
    run: Path, facts: Mapping[str, Any], options: Namespace, schema: Mapping[str, Any]
) -> None:
    """Raise `InputError` if --resume-from would continue a run in its own directory with other options."""
    source = run_of(Path(options.resume_from)) if options.resume_from and "start" in facts else None
    if source is None or source.resolve() != run.resolve():
        return
    changed = differences(earlier_facts(run), facts, schema)
    named = [text for key, text in changed.items() if key not in EXTENDED and not key.startswith("start.")]
    raise InputError(
        f"{run} goes on in its directory with its own options only, not with others: "
        f"{', '.join(named) or '--start-epoch'}; give another --models-path to begin with its weights there"
    )


def _way_on(
    earlier: Mapping[str, Any], facts: Mapping[str, Any], run: Path, schema: Mapping[str, Any]
) -> str:
    """Say how to train a run for longer, if that is what is asked for."""
    changed = differences(earlier, facts, schema).keys()
    return f", or --resume-from {run} to go on" if all(key in EXTENDED for key in changed) else ""


def facts_of_continued(
    facts: dict[str, Any], options: Namespace, start: Start, schema: Mapping[str, Any]
) -> tuple[dict[str, Any], Start]:
    """Return the facts of a run that begins with `start`, and what it begins with after all.

    If it is the run of --resume-from, trained for longer, that is the initialisation of that run, whose
    state and snapshots are used; otherwise the facts name the checkpoint.
    """
    source = run_of(Path(options.resume_from)) if options.resume_from else None
    if source is not None and not options.start_epoch:
        earlier = earlier_facts(source)
        continued = {**facts, "settings": _longer(facts, earlier, schema).stored()}
        if "start" not in earlier and goes_on(source, continued, schema):
            _require_more(options, settings_in(earlier, schema).epochs - 1)
            return continued, INITIALISATION
    if start.weights is None:
        if source is not None:
            raise InputError(f"{source} is not finished; train it to its end, or go on with its own options")
        if start.epoch == 0:
            return facts, start
    _require_more(options, start.epoch)
    return {**facts, "start": {"epoch": start.epoch, "sha256": start.source.get("sha256")}}, start


def _longer(facts: Mapping[str, Any], earlier: Mapping[str, Any], schema: Mapping[str, Any]) -> Settings:
    """Return the settings of a run with these facts, with the snapshots that an earlier one has kept."""
    settings, done = settings_in(facts, schema), settings_in(earlier, schema)
    later = [epoch for epoch in snapshot_epochs(settings) if epoch > done.epochs]
    return settings.changed(snapshots=[*snapshot_epochs(done), *later])


def _require_more(options: Namespace, done: int) -> None:
    """Raise `InputError` unless more epochs are asked for than are done."""
    if options.epochs <= done:
        where = options.resume_from or f"--start-epoch {options.start_epoch}"
        raise InputError(f"--epochs is {options.epochs}, but {where} is further; ask for more than {done}")


def epochs_done(folder: Path, start: Start) -> int:
    """Return the last epoch that the state in a working folder has; one less than the first without.

    A state of an earlier version, which does not say, is of no use and removed before the first epoch.
    """
    found, none = resume.read_state(folder), start.epoch - 1
    return none if found is None else found[2].get("epoch", none)
