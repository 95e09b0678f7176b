"""The authors' train.py: a run that is described by its options, from data to files."""

import io
import secrets
import sys
from argparse import Namespace
from collections.abc import Mapping
from contextlib import redirect_stderr
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

import torch

from anatomy.runtime import provenance
from anatomy.runtime.devices import set_up_torch
from anatomy.runtime.files import write_json
from anatomy.runtime.locks import locked
from anatomy.runtime.schema import read_schema
from anatomy.runtime.settings import Settings
from anatomy.studies.arrangements.hp_arrangements import continuation, monitor
from anatomy.studies.arrangements.hp_arrangements.data import DataChoice, open_named
from anatomy.studies.arrangements.hp_arrangements.names import Statistics
from anatomy.studies.arrangements.hp_arrangements.options import check_options
from anatomy.studies.arrangements.hp_arrangements.settings import (
    pretrained_start,
    run_folder,
    settings_in,
    settings_of,
)
from anatomy.training import resume
from anatomy.training.facts import facts_of, origin_of, require_unedited
from anatomy.training.loop import train_run
from anatomy.training.run import Run
from anatomy.training.start import INITIALISATION, Start
from anatomy.training.task import Task

# Test loss and accuracies after the last epoch.
TEST_FILE = "test.json"


def train(options: Namespace, hashes: Mapping[str, str], device_name: str) -> None:
    """Train the run that the options describe, with a log in its directory, or evaluate as they say.

    `hashes` are those of `hashes_of_code`.
    """
    set_up_torch(options.threads, device_name)
    run = CommandLineRun(options, hashes, device_name)
    if options.evaluate or options.evaluate_train or options.eval_regularization_loss:
        print(*run.evaluate(), sep="\n")
        return
    with locked(run.folder), Copied(sys.stderr, run.folder / options.log) as log, redirect_stderr(log):
        run.train()


class CommandLineRun:
    """A run of given options on a device: evaluates what it begins with, or trains."""

    def __init__(self, options: Namespace, hashes: Mapping[str, str], device_name: str):
        check_options(options)
        self.options, self.hashes, self.device_name = options, hashes, device_name
        self.schema = read_schema(options.schema)
        self.seed = options.seed
        if self.seed is None:
            self.seed = secrets.randbelow(2**31)
            print(f"seed {self.seed}, drawn at random; repeat with --seed {self.seed}", file=sys.stderr)
        self.choice = DataChoice(options.dataset, options.data_path)
        self.dataset, self.description = open_named(self.choice)
        relative = run_folder(options, self.choice, self.seed)
        self.folder, self.board_folder = options.models_path / relative, options.tb_logdir / relative
        self.start = self._start()
        self.origin = origin_of(options.arch, self.choice.name, str(relative.parent), self.seed)

    def _start(self) -> Start:
        """Return what the run begins with, as far as options say."""
        if self.options.resume_from:
            return continuation.start_of(self.options, self.schema)
        if self.options.pretrained:
            start = pretrained_start(
                self.options, self.options.subsample_classes or len(self.dataset.classes)
            )
            return replace(start, epoch=self.options.start_epoch)
        return replace(INITIALISATION, epoch=self.options.start_epoch)

    @cached_property
    def settings(self) -> Settings:
        """The settings that the options mean."""
        return settings_of(self.options, self.dataset, self.seed, self.start, self.schema)

    def statistics(self, settings: Settings) -> Statistics | None:
        """What pixels are standardised with; None for the statistics of the data, or if they are not."""
        return self.choice.statistics(settings.upscaling) if settings.pixels == "standardised" else None

    @cached_property
    def facts(self) -> dict[str, Any]:
        """All that decides the weights."""
        options, statistics = self.options, self.statistics(self.settings)
        return facts_of(
            self.origin,
            self.settings,
            self.description,
            self.hashes[self.settings.schedule.kind],
            self.device_name,
            options.threads,
            statistics,
        )

    def run(self, settings: Settings) -> Run:
        """Return the run with these settings, before its first epoch."""
        task = Task(
            settings,
            self.dataset,
            self.description,
            self.seed,
            torch.device(self.device_name),
            self.options.workers,
            self.statistics(settings),
        )
        run = Run(task, self.start)
        run.top = monitor.TOP
        return run

    def evaluate(self) -> list[str]:
        """Measure what --evaluate, --evaluate-train and --eval-regularization-loss ask for; return lines."""
        options, epoch = self.options, self.start.epoch
        run = self.run(self.settings)
        lines = [] if self.start.weights else ["a random initialisation:"]
        board = monitor.open_board(self.board_folder / "evaluation")
        for asked, part in ((options.evaluate, "test"), (options.evaluate_train, "train")):
            if asked:
                values = run.measure(*getattr(run.task, part), monitor.TOP)
                monitor.add_evaluation(board, part, epoch, values)
                lines.append(monitor.describe_evaluation(part, values))
        if board is not None:
            board.close()
        if options.eval_regularization_loss:
            named = run.initial_network().named_parameters()
            norms = sum(weight.norm().item() for name, weight in named if name.endswith("weight"))
            lines.append(f"regularization loss: {options.weight_decay * norms:.6g}")
        return lines

    def train(self) -> None:
        """Train to the last epoch, or go on with an earlier attempt, and publish what the run leaves."""
        options, folder = self.options, self.folder / "resume"
        facts, self.start = continuation.facts_of_continued(self.facts, options, self.start, self.schema)
        settings = settings_in(facts, self.schema)
        run = self.run(settings)
        # Now and not only at the end, which may be hours away.
        require_unedited(facts["code_sha256"], options.program, settings, f"{self.folder} was prepared")
        continuation.prepare(self.folder, facts, options, self.schema)
        board = monitor.open_board(self.board_folder, continuation.epochs_done(folder, self.start) + 1)
        watch = monitor.Monitor(board, options.kill_plateaus, options.train_acc)
        finished = train_run(run, folder, self.origin, facts, options.save_every, True, watch)
        if not finished:
            accuracy = run.history[-1].validation_accuracy
            print(
                f"stopped by --kill-plateaus: the validation accuracy is {accuracy:.2%} after epochs "
                f"{run.epoch - 1} and {run.epoch}; what was trained is in {folder}",
                file=sys.stderr,
            )
        else:
            if run.epoch == options.epochs:
                values = run.measure(*run.task.test, monitor.TOP)
                monitor.add_evaluation(board, "test", run.epoch, values)
                print(monitor.describe_evaluation("test", values), file=sys.stderr)
                write_json(self.folder / TEST_FILE, dict(zip(("loss", "top1", "top5"), values, strict=True)))
            provenance.write(folder / resume.PROVENANCE_FILE, self.device_name, run.gpu_seconds)
            resume.publish(folder, self.folder, options.program, settings)
        if board is not None:
            board.close()


class Copied(io.TextIOBase):
    """A text stream whose lines also go to the end of a file; a context that closes the file."""

    def __init__(self, stream: TextIO, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.stream, self.file = stream, path.open("a", encoding="utf-8")

    def write(self, text: str) -> int:
        """Write to both."""
        self.file.write(text)
        self.file.flush()
        return self.stream.write(text)

    def flush(self) -> None:
        """Flush the stream."""
        self.stream.flush()

    def __exit__(self, *_) -> None:
        self.file.close()
