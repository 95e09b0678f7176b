"""The plain reference: the same experiment written the ordinary way, as a user of PyTorch would.

torchvision's VGG with its whole classifier, PIL images transformed one at a time, a DataLoader, SGD as it
comes, a number read back from every step, and everything pickled into every snapshot. Projections and
reinitialisation go the way of the authors' scripts. As a program it trains one network.
"""

import argparse
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from anatomy.data.dataset import open_dataset
from anatomy.runtime.torchvision_import import models, torchvision

transforms = torchvision.transforms

LAYERS = {"vgg11": "A", "vgg13": "B", "vgg16": "D", "vgg19": "E"}
RATE, MOMENTUM, DECAY = 0.01, 0.9, 5e-4


class Pictures(Dataset):
    """Images one at a time, each a PIL image that goes through `transform`, and labels."""

    def __init__(self, images: np.ndarray, labels: Sequence[int], transform):
        """Take uint8 images (N, C, H, W) and labels (N,)."""
        self.images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        self.labels, self.transform = labels, transform

    def __len__(self) -> int:
        return len(self.images)

    def picture(self, index: int) -> Image.Image:
        """Image `index`, grey if it has one channel."""
        return Image.fromarray(self.images[index].squeeze())

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.picture(index)), int(self.labels[index])


def plain_transform(mean: Sequence[float], std: Sequence[float]):
    """Pixels in [0, 1], normalised per channel."""
    return transforms.Compose([transforms.ToTensor(), transforms.Normalize(mean, std)])


def augmenting_transform(size: int, shift: int, mean: Sequence[float], std: Sequence[float]):
    """Random crop of `size` pixels after padding by `shift`, random flip, then `plain_transform`."""
    return transforms.Compose(
        [
            transforms.RandomCrop(size, padding=shift),
            transforms.RandomHorizontalFlip(),
            plain_transform(mean, std),
        ]
    )


def vgg(architecture: str, classes: int, width: float = 1.0) -> nn.Module:
    """torchvision's VGG, or one that is narrower by the factor `width`."""
    if width == 1:
        return getattr(models, architecture)(weights=None, num_classes=classes)
    plan = models.vgg.cfgs[LAYERS[architecture]]
    plan = [entry if entry == "M" else max(1, round(entry * width)) for entry in plan]
    channels, hidden = plan[-2], max(1, round(4096 * width))
    classifier = nn.Sequential(
        nn.Linear(channels * 7 * 7, hidden),
        nn.ReLU(True),
        nn.Dropout(),
        nn.Linear(hidden, hidden),
        nn.ReLU(True),
        nn.Dropout(),
        nn.Linear(hidden, classes),
    )
    network = nn.Sequential(
        OrderedDict(
            features=models.vgg.make_layers(plan),
            avgpool=nn.AdaptiveAvgPool2d((7, 7)),
            flatten=nn.Flatten(1),
            classifier=classifier,
        )
    )
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, 0, 0.01)
            nn.init.zeros_(layer.bias)
    return network


def sgd(network: nn.Module) -> torch.optim.SGD:
    """The paper's optimiser."""
    return torch.optim.SGD(network.parameters(), RATE, momentum=MOMENTUM, weight_decay=DECAY)


def step(
    network: nn.Module, optimiser: torch.optim.Optimizer, images: torch.Tensor, labels: torch.Tensor
) -> tuple[float, int]:
    """Take one step on a batch; return its loss and number of correct predictions."""
    logits = network(images)
    loss = functional.cross_entropy(logits, labels)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item(), (logits.argmax(1) == labels).sum().item()


def train_epoch(network: nn.Module, optimiser: torch.optim.Optimizer, loader: Iterable) -> list[float]:
    """Train on every batch of `loader`; return the losses."""
    network.train()
    device = next(network.parameters()).device
    losses = []
    for images, labels in loader:
        loss, _ = step(network, optimiser, images.to(device), labels.to(device))
        losses.append(loss)
    return losses


@torch.no_grad()
def predict(network: nn.Module, loader: Iterable) -> tuple[torch.Tensor, float]:
    """Return logits (N, classes) of all images, and the accuracy."""
    network.eval()
    outputs, correct = [], 0
    for images, labels in loader:
        logits = network(images)
        correct += (logits.argmax(1) == labels).sum().item()
        outputs.append(logits)
    logits = torch.cat(outputs)
    return logits, correct / len(logits)


def save_checkpoint(
    path: Path, network: nn.Module, optimiser: torch.optim.Optimizer, epoch: int, accuracy: float
) -> None:
    """Pickle network and optimiser, as needed to go on."""
    content = {
        "epoch": epoch,
        "top1_acc": accuracy,
        "model_state_dict": network.state_dict(),
        "optimizer_state_dict": optimiser.state_dict(),
    }
    torch.save(content, path)


def statistics(network: nn.Module) -> list[dict]:
    """Projections (a list), mass and mean of every convolution of a network."""
    layers = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1):
            weight = module.weight.detach().clone()
            size = weight[0].numel()
            norm = torch.sqrt((weight**2).sum(dim=(1, 2, 3)))
            values = weight.sum(dim=(1, 2, 3)) / (norm * size**0.5)
            mass = (values <= 0).float().mean().item()
            layers.append({"projections": values.tolist(), "mass": mass, "mean": values.mean().item()})
    return layers


def projections(path: Path, architecture: str, classes: int, width: float = 1.0) -> list[dict]:
    """Statistics of a checkpoint: a network is built and initialised, then takes the stored weights."""
    network = vgg(architecture, classes, width)
    network.load_state_dict(torch.load(path)["model_state_dict"])
    return statistics(network)


def reinitialise(
    network: nn.Module, inits: Mapping[str, Mapping[str, torch.Tensor]], loader: Iterable
) -> dict[tuple[str, str], torch.Tensor]:
    """Reset each convolution to each of `inits` in turn and evaluate the whole network on all images.

    `inits` are state dicts by name. Returns logits (N, classes) by (layer, init).
    """
    logits = {}
    for name, layer in network.named_modules():
        if not isinstance(layer, nn.Conv2d):
            continue
        trained = deepcopy(layer.state_dict())
        for init, weights in inits.items():
            layer.load_state_dict({part: weights[f"{name}.{part}"] for part in ("weight", "bias")})
            logits[name, init], _ = predict(network, loader)
        layer.load_state_dict(trained)
    return logits


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, type=Path, help="directory of a prepared data set")
    parser.add_argument("--output", required=True, type=Path, help="existing directory for checkpoints")
    parser.add_argument("--architecture", choices=LAYERS, default="vgg19")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--shift", type=int, default=4, help="largest shift in pixels")
    parser.add_argument("--split", type=float, default=0.1, help="fraction of images for validation")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1, help="processes that load images")
    return parser.parse_args()


def main() -> None:
    """Train, with validation and a checkpoint after every epoch."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    dataset, description = open_dataset(arguments.dataset)
    mean, std = description["mean"], description["std"]
    first_held_out = len(dataset.train_labels) - round(len(dataset.train_labels) * arguments.split)
    train = slice(first_held_out)
    validation = slice(first_held_out, None)

    def loader(part, transform, shuffle):
        pictures = Pictures(dataset.train_images[part], dataset.train_labels[part], transform)
        return DataLoader(pictures, arguments.batch_size, shuffle, num_workers=arguments.workers)

    size = dataset.input_shape[1]
    augmented = loader(train, augmenting_transform(size, arguments.shift, mean, std), shuffle=True)
    held_out = loader(validation, plain_transform(mean, std), shuffle=False)
    network = vgg(arguments.architecture, len(dataset.classes), arguments.width)
    optimiser = sgd(network)
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, 25, 0.1)
    for epoch in range(arguments.epochs):
        losses = train_epoch(network, optimiser, augmented)
        scheduler.step()
        _, accuracy = predict(network, held_out)
        path = arguments.output / f"{arguments.architecture}_{epoch}.tar"
        save_checkpoint(path, network, optimiser, epoch, accuracy)
        print(f"epoch {epoch}, loss {sum(losses) / len(losses):.4f}, validation {accuracy:.1%}", flush=True)
    torch.save(network.state_dict(), arguments.output / f"{arguments.architecture}_{arguments.epochs}.pt")


if __name__ == "__main__":
    main()
