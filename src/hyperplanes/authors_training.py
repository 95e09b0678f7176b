"""A run that is described by the options of the authors' train.py, from its data to its files."""

import secrets
import sys
from argparse import Namespace
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch

# Some networks need it when they are built; by then the hash of the code has been taken.
import hyperplanes.vision  # noqa: F401
from hyperplanes import authors_settings, continuation, monitor, provenance, resume
from hyperplanes.devices import processor
from hyperplanes.files import write_json
from hyperplanes.layouts import OWN, TIMM_PREFIX, TORCHVISION, require_architecture
from hyperplanes.named_data import NAMED, open_named
from hyperplanes.running import train_run
from hyperplanes.starts import INITIALISATION, Start
from hyperplanes.training import Run

# Test loss and accuracies after the last epoch.
TEST_FILE = "test.json"


def choices(options: Namespace) -> str:
    """Return the names of --arch and --dataset, of the one that is not given."""
    lines = []
    if options.arch is None:
        lines += ["architectures:", *OWN, *TORCHVISION, f"{TIMM_PREFIX}<name>, if timm is installed"]
    if options.dataset is None:
        lines += ["data sets:", *NAMED, "the directory of a prepared data set"]
    return "\n".join(lines)


class AuthoredRun:
    """A run of given options on a device: evaluates what it begins with, or trains."""

    def __init__(self, options: Namespace, device_name: str):
        authors_settings.check_options(options)
        require_architecture(options.arch)
        self.options, self.device_name = options, device_name
        self.seed = options.seed
        if self.seed is None:
            self.seed = secrets.randbelow(2**31)
            print(f"seed {self.seed}, drawn at random; repeat with --seed {self.seed}", file=sys.stderr)
        choice = authors_settings.data_choice(options, self.seed)
        self.dataset, self.description = open_named(choice)
        place = authors_settings.run_folder(options, choice, self.seed)
        self.folder, self.board_folder = options.models_path / place, options.tb_logdir / place
        self.start = self._start()
        self.origin = {
            "architecture": options.arch,
            "dataset": choice.name,
            "experiment": str(place.parent),
            "seed": self.seed,
        }

    def _start(self) -> Start:
        """Return what the run begins with, as far as options say."""
        if self.options.resume_from:
            return continuation.start_of(self.options)
        if self.options.pretrained:
            start = authors_settings.pretrained_start(self.options, len(self.description["classes"]))
            return replace(start, epoch=self.options.start_epoch)
        return replace(INITIALISATION, epoch=self.options.start_epoch)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """All that decides the weights."""
        return {
            **self.origin,
            "settings": authors_settings.settings_of(self.options, self.dataset, self.seed, self.start),
            "dataset_sha256": self.description["sha256"],
            "code_sha256": resume.code_hash(),
            "torch": torch.__version__,
            "device": self.device_name,
            "processor": processor(self.device_name),
            "threads": self.options.threads,
        }

    def _run(self, settings: dict[str, Any]) -> Run:
        run = Run(
            settings,
            self.dataset,
            self.description,
            self.seed,
            torch.device(self.device_name),
            self.options.workers,
            self.start,
        )
        run.top = monitor.TOP
        return run

    def evaluate(self) -> list[str]:
        """Measure what --evaluate, --evaluate-train and --eval-regularization-loss ask for; return lines."""
        options, epoch = self.options, self.start.epoch
        run = self._run(self.facts["settings"])
        lines = [] if self.start.weights else ["a random initialisation:"]
        board = monitor.open_board(self.board_folder / "evaluation")
        for asked, part, data in (
            (options.evaluate, "test", run.test_part),
            (options.evaluate_train, "train", run.train_part),
        ):
            if asked:
                values = run.measure(*data(), monitor.TOP)
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
        facts, self.start = continuation.facts_of_continued(
            self.facts, self.facts["settings"], options, self.start
        )
        continuation.prepare(self.folder, facts, options)
        run = self._run(facts["settings"])
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
                values = run.measure(*run.test_part(), monitor.TOP)
                monitor.add_evaluation(board, "test", run.epoch, values)
                print(monitor.describe_evaluation("test", values), file=sys.stderr)
                write_json(self.folder / TEST_FILE, dict(zip(("loss", "top1", "top5"), values, strict=True)))
            provenance.write(folder / resume.PROVENANCE_FILE, self.device_name, run.gpu_seconds)
            resume.publish(folder, self.folder)
        if board is not None:
            board.close()
