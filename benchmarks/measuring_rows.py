"""Rows about the two measurements: projection statistics of snapshots, and reinitialisation."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

import material
import measure
import reference
from anatomy.checkpoints.snapshots import load_snapshot
from anatomy.data.dataset import open_dataset
from anatomy.data.normalisation import Normaliser
from anatomy.networks.folding import fold
from anatomy.networks.memory_order import order_for_inference
from anatomy.runtime.devices import set_up_torch
from anatomy.runtime.files import read_json
from anatomy.studies.arrangements.projections import snapshot_statistics
from anatomy.studies.arrangements.reinitialisation.resetter import Resetter, count_correct
from measure import SCRIPTS, Options, Row
from training_rows import as_ours, as_usual, momentum_of_zero


def write_pair(folder: Path, width: float) -> tuple[Path, Path]:
    """Write a VGG19 as a pickled checkpoint with momentum and as a run's snapshot; return their paths."""
    network = reference.vgg("vgg19", material.CLASSES, width)
    network.load_state_dict(material.small_run(1, width=width).initial_network().state_dict())
    path = folder / "vgg19_0.tar"
    reference.save_checkpoint(path, network, momentum_of_zero(network), 0, 0.1)
    return path, material.write_snapshots(folder, width)[0]


def statistics(options: Options) -> list[Row]:
    """Time the statistics of a snapshot, from the file and from memory."""
    torch.set_num_threads(1)
    width = options.size(1.0, 0.0625)
    with tempfile.TemporaryDirectory() as folder:
        theirs, ours = write_pair(Path(folder), width)

        def file_to_numbers():
            snapshot_statistics(load_snapshot(ours, checked=False))

        actions = {
            "reference": lambda: reference.projections(theirs, "vgg19", material.CLASSES, width),
            "ours": file_to_numbers,
        }
        files = measure.interleaved(options.rounds_of(5), actions, repeats={"ours": 10})
        snapshot = load_snapshot(ours)
        weights = {name: array for name, array in snapshot.arrays.items() if name.endswith("weight")}
        flat = torch.from_numpy(np.concatenate([array.ravel() for array in weights.values()]))
        actions = {
            "one pass": flat.sum,
            "statistics": lambda: snapshot_statistics(snapshot),
        }
        repeats = dict.fromkeys(actions, 10)
        compute = measure.interleaved(options.rounds_of(7), actions, repeats=repeats)
        equal = _largest_difference(
            [layer["projections"] for layer in reference.projections(theirs, "vgg19", 10, width)],
            [layer.projections for layer in snapshot_statistics(snapshot)],
        )
    details = f"VGG19, width {width:g}; "
    return [
        Row(
            "statistics",
            "statistics of one snapshot, file to numbers, times less CPU time",
            measure.ratios(files["reference"], files["ours"]),
            f"{details}{measure.medians(files)}; largest difference of a projection {equal:.1g}",
            *("at least", 150),
        ),
        Row(
            "statistics-compute",
            "the computation alone, in passes over the bytes",
            measure.ratios(compute["statistics"], compute["one pass"]),
            f"{details}{measure.medians(compute)}",
            *("at most", 3.0),
        ),
    ]


def _largest_difference(one, other) -> float:
    """Return the largest difference between two lists of arrays; infinity if a value is missing."""
    pairs = [np.abs(np.asarray(a, float) - np.asarray(b, float)) for a, b in zip(one, other, strict=True)]
    worst = max(pair.max() for pair in pairs)
    return float("inf") if np.isnan(worst) else float(worst)


def exactness(options: Options) -> list[Row]:
    """Compare the cosines in a file of measure_projections.py with float64."""
    width = options.size(1.0, 0.0625)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (path,) = material.write_snapshots(folder, width)
        measure.run_program(SCRIPTS / "measure_projections.py", "--snapshots", path, "--output", folder)
        found = [layer["cosines"] for layer in read_json(folder / f"{path.stem}.json")["layers"]]
        snapshot = load_snapshot(path)
        expected = []
        for layer in snapshot.layers:
            filters = snapshot.arrays[f"{layer.name}.weight"].astype(np.float64)
            filters = filters.reshape(len(filters), -1)
            norms = np.sqrt((filters**2).sum(1)) * np.sqrt(np.prod(layer.input_shape))
            expected.append(filters.sum(1) / norms)
    return [
        Row(
            "cosines",
            "cosines on disk against float64, largest difference",
            [_largest_difference(found, expected)],
            f"VGG19, width {width:g}, {sum(map(len, found)):,} filters",
            *("at most", 1e-7, ""),
        )
    ]


def convolutions(state: Mapping[str, torch.Tensor]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Return weight and bias of every convolution of a state dict, by name of the layer."""
    names = [name.removesuffix(".weight") for name in state if name.endswith("weight")]
    return {name: (state[f"{name}.weight"], state[f"{name}.bias"]) for name in names}


def random_network(seed: int, width: float) -> nn.Module:
    """Return VGG19 as at the start of a run, but its convolutions have random biases, which count as well."""
    network = material.small_run(1, seed, width=width).initial_network()
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.features.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0, 0.02, generator=random)
    return network


@torch.no_grad()
def tell_apart(network: nn.Module, images: torch.Tensor) -> None:
    """Shift the last biases so that the mean logits of `images` are zero, and predictions differ."""
    network.classifier[-1].bias -= network.eval()(images).mean(0)


class Recorded:
    """The outputs of a network's last layer while the context lasts: `logits` (outputs, classes)."""

    def __init__(self, network: nn.Module):
        self.layer, self.outputs = network.classifier[-1], []

    def __enter__(self) -> "Recorded":
        self.hook = self.layer.register_forward_hook(lambda _, __, output: self.outputs.append(output))
        return self

    def __exit__(self, *_) -> None:
        self.hook.remove()

    @property
    def logits(self) -> torch.Tensor:
        """All rows, in the order of their computation."""
        return torch.cat(self.outputs)


def reinitialisation_case(epochs: int, width: float) -> tuple[nn.Module, dict[str, dict[str, torch.Tensor]]]:
    """Return a network instead of a trained one, and the convolutions of others, by name."""
    inits = {}
    for epoch in range(epochs):
        state = random_network(epoch + 1, width).features.state_dict()
        inits[str(epoch)] = {f"features.{name}": tensor for name, tensor in state.items()}
    return random_network(0, width), inits


def reinitialisation(options: Options) -> list[Row]:
    """Time every reset of VGG19 against whole evaluations through a loader, 128 images in a round."""
    batch, epochs, width = options.size((128, 6, 1.0), (4, 2, 0.0625))
    rounds = options.rounds_of(1)
    set_up_torch(1, "cpu")
    with tempfile.TemporaryDirectory() as folder:
        data = material.prepare_colours(Path(folder), rounds * batch, options.data)
        dataset, description = open_dataset(Path(folder))
    mean, std = description["mean"], description["std"]
    normalise = Normaliser(mean, std, torch.device("cpu"))
    trained, inits = reinitialisation_case(epochs, width)
    tell_apart(trained, normalise(torch.from_numpy(dataset.train_images[:batch])))
    plain = reference.vgg("vgg19", material.CLASSES, width)
    plain.load_state_dict(trained.state_dict())
    fold(trained)
    order_for_inference(trained, dataset.input_shape, torch.device("cpu"), "float32")
    resets = {name: convolutions(state) for name, state in inits.items()}
    resetter = Resetter(trained, resets, dataset.input_shape)

    seconds: dict[str, list[float]] = {"reference": [], "ours": []}
    different, total, rounding = 0, 0, 0.0
    # Every round has images of its own, so that all of them are compared.
    for part in (slice(start, start + batch) for start in range(0, rounds * batch, batch)):
        images, labels = dataset.train_images[part], dataset.train_labels[part]
        transform = reference.plain_transform(mean, std)
        loader = DataLoader(reference.Pictures(images, labels, transform), batch)
        expected = []

        def naive(loader=loader, expected=expected):
            expected += reference.reinitialise(plain, inits, loader).values()
            expected.append(reference.predict(plain, loader)[0])

        def ours(images=images, labels=labels):
            batches = [(normalise(torch.from_numpy(images)), torch.from_numpy(labels))]
            count_correct(resetter, batches)

        with Recorded(trained) as recorded:
            actions = {"reference": as_usual(naive), "ours": as_ours(ours)}
            once = measure.interleaved(1, actions, warm_up=False)
        for name, values in once.items():
            seconds[name] += values
        found, expected = recorded.logits, torch.cat(expected)
        rounding = max(rounding, (found - expected).abs().max().item())
        predictions = found.argmax(1), expected.argmax(1)
        different += int((predictions[0] != predictions[1]).sum())
        total += len(predictions[0])
    layers = len(resets["0"])
    details = f"VGG19 at 32 px, width {width:g}, {layers} layers x {epochs} epochs x {data}"
    return [
        Row(
            "reinitialisation",
            "reinitialisation of every layer, times less CPU time than whole evaluations",
            measure.ratios(seconds["reference"], seconds["ours"]),
            f"{details}, {batch} images a round; {measure.medians(seconds)}",
            *("at least", 2.7),
        ),
        Row(
            "reinitialisation-predictions",
            "predictions that differ from those of whole evaluations",
            [different],
            f"{details}; {total:,} predictions, largest difference of a logit {rounding:.1g}",
            *("at most", 0, ""),
        ),
        shared_prefix(options),
    ]


def shared_prefix(options: Options) -> Row:
    """Compare shared activations alone, without folding, with whole evaluations."""
    batch, width = options.size((8, 1.0), (4, 0.0625))
    set_up_torch(1, "cpu")
    network, inits = reinitialisation_case(1, width)
    images, labels = torch.randn(batch, 3, 32, 32), torch.zeros(batch, dtype=torch.int64)
    resets = {name: convolutions(state) for name, state in inits.items()}
    resetter = Resetter(network, resets, images.shape[1:])
    with Recorded(network) as recorded:
        count_correct(resetter, [(images, labels)])
    expected = list(reference.reinitialise(network, inits, [(images, labels)]).values())
    expected.append(reference.predict(network, [(images, labels)])[0])
    difference = (recorded.logits - torch.cat(expected)).abs().max().item()
    return Row(
        "reinitialisation-prefix",
        "shared activations without folding: logits against whole evaluations, largest difference",
        [difference],
        f"VGG19 at 32 px, width {width:g}, {len(resets['0'])} layers x {batch} images",
        *("at most", 0, ""),
    )
