"""What happens after each epoch of a run that was started by options: TensorBoard, and an early end."""

import sys
from pathlib import Path
from typing import Any

from anatomy.training.run import Run

TOP = (1, 5)
# An untrained network that does not get away from one class does not within these epochs either.
PLATEAU_EPOCHS = 10


def open_board(folder: Path, from_epoch: int = 0) -> Any | None:
    """Return a TensorBoard writer for `folder`; None, and a line on stderr, if TensorBoard is not installed.

    Scalars of `from_epoch` and later that an earlier attempt wrote there are dropped.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        print("no TensorBoard scalars: pip install '.[tensorboard]' if you want them", file=sys.stderr)
        return None
    return SummaryWriter(str(folder), purge_step=from_epoch)


def add_evaluation(board: Any | None, part: str, epoch: int, values: tuple[float, ...]) -> None:
    """Write (loss, top-1, top-5) of `part` (val, train or test) to the board; accuracies in per cent."""
    if board is None:
        return
    loss, *accuracies = values
    board.add_scalar(f"Loss/{part}", loss, epoch)
    for top, accuracy in zip(TOP, accuracies, strict=True):
        board.add_scalar(f"Accuracy/{part}/top{top}", 100 * accuracy, epoch)


def describe_evaluation(part: str, values: tuple[float, ...]) -> str:
    """Return one line about (loss, top-1, top-5) of a part of the data."""
    loss, *accuracies = values
    tops = ", ".join(f"top-{top} {accuracy:.2%}" for top, accuracy in zip(TOP, accuracies, strict=True))
    return f"{part}: loss {loss:.4f}, {tops}"


class Monitor:
    """Called with the run after each epoch; tells whether the training goes on."""

    def __init__(self, board: Any | None, kill_plateaus: bool, train_accuracy: bool):
        """`train_accuracy` measures the training images after the epochs that have snapshots."""
        self.board, self.kill_plateaus, self.train_accuracy = board, kill_plateaus, train_accuracy

    def __call__(self, run: Run) -> bool:
        """Write the scalars of the last epoch; False if `kill_plateaus` and the accuracy stands still."""
        last = run.history[-1]
        validation = (last.validation_loss, last.validation_accuracy, *run.further)
        add_evaluation(self.board, "val", last.epoch, validation)
        if self.board is not None and last.train_loss is not None:
            self.board.add_scalar("Loss/train", last.train_loss, last.epoch)
            self.board.add_scalar("Lr", last.learning_rate, last.epoch)
        if self.train_accuracy and last.train_loss is not None and last.epoch in run.kept_epochs:
            values = run.measure(*run.task.train, TOP)
            print(describe_evaluation("training images", values), file=sys.stderr)
            if self.board is not None:
                for top, accuracy in zip(TOP, values[1:], strict=True):
                    self.board.add_scalar(f"Accuracy/train/top{top}", 100 * accuracy, last.epoch)
        if self.board is not None:
            self.board.flush()
        return not (self.kill_plateaus and self.on_plateau(run))

    def on_plateau(self, run: Run) -> bool:
        """Tell whether two successive epochs, of the first ten, have exactly the same validation accuracy."""
        trained = [record for record in run.history[-2:] if record.train_loss is not None]
        if len(trained) < 2 or run.epoch > PLATEAU_EPOCHS:
            return False
        return trained[0].validation_accuracy == trained[1].validation_accuracy
