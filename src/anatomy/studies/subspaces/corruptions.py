"""Networks and ensembles on corrupted test images, by type and severity of the corruption (ImageNet-C).

    <root>/<type>/<severity>/<class>/<image>

Images are scaled, cropped and normalised as the test images of the run (Hendrycks and Dietterich 2019).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from anatomy.data.batches import StreamedImages, evaluation_batch
from anatomy.data.image_files import IndexedDataset
from anatomy.data.sources.images import index_part
from anatomy.runtime.errors import InputError
from anatomy.studies.subspaces import calibration
from anatomy.studies.subspaces.evaluation import COMBINED, Predictions, ensemble_row, single_row
from anatomy.studies.subspaces.of_run import run_identity, subspace_of
from anatomy.studies.subspaces.points import NETWORK, PAIR, groups_of
from anatomy.studies.subspaces.predicting import predict
from anatomy.studies.subspaces.recalibration import RecalibratedPoints, command
from anatomy.studies.subspaces.tables import NEAR_THE_ENDS, TRAINED, training_columns
from anatomy.training.evaluation import autocast
from anatomy.training.trained import TrainedRun

CORRUPTED = ("type", "severity", "evaluation", "alpha", "members", "combined", "images")
MEASURES = tuple(f"{name}{end}" for name in calibration.MEASURES for end in ("", "_low", "_high"))
COLUMNS = ("experiment", "seed", *TRAINED, *CORRUPTED, *MEASURES)


def rows_of_corruptions(
    run: TrainedRun, points: Path | None, root: Path, types: Sequence[str], severities: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Yield the rows of `COLUMNS` of a run: of its network, and of two points near a line's ends together.

    `points` is the file of the points of a subspace. `InputError` if it is missing, for other classes than
    the run's, and for a run whose images are not read from files.
    """
    dataset, task = run.task.dataset, run.task
    if not isinstance(dataset, IndexedDataset):
        raise InputError(
            f"{run.folder} was trained on images that are kept in memory; corrupted images are scaled and "
            "cropped as those of a data set with `source: images`"
        )
    common = {"experiment": run.facts["experiment"], "seed": run.seed, **training_columns(run.settings)}
    for name in types:
        for severity in severities:
            files, classes = index_part(root, f"{name}/{severity}", f"{name}/{severity}")
            if list(classes) != list(dataset.classes):
                odd = min({*classes} ^ {*dataset.classes})
                raise InputError(
                    f"{root}/{name}/{severity}: class {odd} is not in both this and {run.folder}"
                )
            crop = dataset.resize, dataset.crop
            images = StreamedImages(files, torch.arange(len(files)), crop, task.device, task.workers)

            def batches(images: StreamedImages = images) -> Iterator[torch.Tensor]:
                return map(task.normalise, images.plain(evaluation_batch(images.shape)))

            own = {**common, "type": name, "severity": severity}
            for row in _rows(run, points, batches, files.labels):
                yield {**own, **{key: row[key] for key in (*CORRUPTED[2:], *MEASURES)}}


def _rows(run: TrainedRun, points: Path | None, batches: Any, labels: Any) -> Iterator[dict[str, Any]]:
    """Yield the row of the network of a run, and those of an ensemble of two points of a line or curve."""

    def predicted(network: torch.nn.Module) -> Predictions:
        with autocast(run.task.device, run.settings.precision):
            return predict(network, batches())

    if run.settings.subspace is None:
        network = run.network().to(device=run.task.device, memory_format=torch.channels_last)
        yield {"evaluation": NETWORK, "alpha": None, **single_row(predicted(network), labels)}
        return
    if points is None:
        raise InputError(
            f"the points of the subspace of {run.folder} were not recalibrated; run "
            f"{command(run=run.folder)}, and give its output as --points"
        )
    kept, subspace = RecalibratedPoints(points, run_identity(run)), subspace_of(run)
    (middle,) = (i for i, point in enumerate(kept.points) if point.evaluation == NETWORK)
    alpha = kept.points[middle].alpha
    yield {
        "evaluation": NETWORK,
        "alpha": alpha,
        **single_row(predicted(kept.load(subspace, middle)), labels),
    }
    pairs = [members for name, members in groups_of(kept.points) if name == PAIR]
    if pairs:
        nearest = min(pairs, key=lambda own: abs(kept.points[own[0]].alpha - NEAR_THE_ENDS))
        found = [predicted(kept.load(subspace, position)) for position in nearest]
        for combined in COMBINED:
            row = ensemble_row(found, labels, combined)
            yield {"evaluation": PAIR, "alpha": kept.points[nearest[0]].alpha, **row}
