"""The figures of the paper: how each is drawn, where it stands, and what the paper shows in it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

METHOD = "2 Method"
BIAS = "3.2 Bias emerges from learning"
CRITICAL = "3.3 Biased layers are critical to performance"
DYNAMICS = "3.4 Learning dynamics"
PYTORCH = "A.2 PyTorch pretrained models"
MATCONVNET = "A.3 MatConvNet pretrained models"
FAILURE = "A.4 Bias correlates with learning"
CRITICAL_MORE = "A.5 Biased layers are critical to performance"
NOISE = "A.6 Learning under noisy data"
LOW_LEVEL = "A.7 Low-level features"
SETUP = "A.8 Training setup affects bias"

# How an experiment or a pretrained network comes to be switched off.
SWITCHED_OFF = "(null, or not in `only`)"


@dataclass(frozen=True)
class PaperFigure:
    """A figure: its kind (plot_{kind}.py draws it), its section, and networks and data of the paper."""

    kind: str
    section: str
    shows: str
    pretrained: bool = False

    @property
    def needs(self) -> str:
        """What the configuration has to name for it."""
        if self.pretrained:
            return "a pretrained network, or an experiment in its place"
        return "experiments" if self.kind in ("first_layer", "comparison") else "an experiment"

    @property
    def others(self) -> str:
        """What can take the place of what it needs."""
        if self.pretrained:
            return "another pretrained network or experiment"
        return "other experiments" if self.needs == "experiments" else "another experiment"


FIGURES: Mapping[str, PaperFigure] = {
    "figure_01": PaperFigure("histograms", BIAS, "pretrained VGG19 on ImageNet", pretrained=True),
    "figure_02": PaperFigure("heatmaps", CRITICAL, "VGG19 on CIFAR-10, step schedule, three runs"),
    "figure_03": PaperFigure("arrangement", METHOD, "the matrix of a convolution, the cone of a filter"),
    "figure_04": PaperFigure("histograms", BIAS, "AlexNet on ImageNet, step schedule"),
    "figure_05": PaperFigure("dynamics", BIAS, "AlexNet on ImageNet, step schedule"),
    "figure_06": PaperFigure("dynamics", BIAS, "VGG19 on CIFAR-10 with noise for all training labels"),
    "figure_07": PaperFigure("dynamics", CRITICAL, "VGG19 on CIFAR-10, step schedule, ten runs"),
    "figure_08": PaperFigure("dynamics", DYNAMICS, "VGG19 on ImageNet, step schedule"),
    "figure_09": PaperFigure("histograms", PYTORCH, "VGG16 on ImageNet by PyTorch", pretrained=True),
    "figure_10": PaperFigure("histograms", PYTORCH, "VGG13 on ImageNet by PyTorch", pretrained=True),
    "figure_11": PaperFigure("histograms", PYTORCH, "VGG11 on ImageNet by PyTorch", pretrained=True),
    "figure_12": PaperFigure("histograms", PYTORCH, "AlexNet on ImageNet by PyTorch", pretrained=True),
    "figure_13": PaperFigure("histograms", MATCONVNET, "VGG16 on ImageNet by MatConvNet", pretrained=True),
    "figure_14": PaperFigure("histograms", MATCONVNET, "AlexNet on ImageNet by MatConvNet", pretrained=True),
    "figure_15": PaperFigure("dynamics", FAILURE, "VGG19 on ImageNet from N(0, 0.01), which fails to learn"),
    "figure_16": PaperFigure("heatmaps", CRITICAL_MORE, "VGG19 on CIFAR-100, smooth schedule"),
    "figure_17": PaperFigure("dynamics", CRITICAL_MORE, "VGG19 on CIFAR-100, smooth schedule"),
    "figure_18": PaperFigure("heatmaps", CRITICAL_MORE, "AlexNet on ImageNet, step schedule"),
    "figure_19": PaperFigure("heatmaps", CRITICAL_MORE, "VGG19 on ImageNet, step schedule"),
    "figure_20": PaperFigure("dynamics", NOISE, "VGG19 on CIFAR-10 with shuffled pixels"),
    "figure_21": PaperFigure(
        "first_layer",
        LOW_LEVEL,
        "VGG19 on CIFAR-10, ImageNet and CIFAR-10 with pixels in [0, 1], LeNet on MNIST, smooth schedule",
    ),
    "figure_22": PaperFigure("comparison", SETUP, "VGG19 on CIFAR-10 and ImageNet, step and smooth schedule"),
    "figure_23": PaperFigure("heatmaps", SETUP, "VGG19 on CIFAR-10, step schedule, all runs"),
    "figure_24": PaperFigure("heatmaps", SETUP, "VGG19 on CIFAR-10, smooth schedule, all runs"),
    "figure_polarity": PaperFigure(
        "first_layer", BIAS, "not in the paper: digits of one polarity and of both, all else equal"
    ),
}


def of_kind(kind: str) -> list[str]:
    """Return the names of the figures that plot_{kind}.py draws."""
    return [name for name, figure in FIGURES.items() if figure.kind == kind]


def left_out(figures: Iterable[str], switched_off: Mapping[str, Sequence[str]]) -> str:
    """Say in one line which figures change because of what is switched off; empty if none does."""
    gone = [name for name in switched_off if name not in figures]
    smaller = [name for name in switched_off if name in figures]
    what = ", ".join(dict.fromkeys(name for names in switched_off.values() for name in names))
    parts = [f"{', '.join(gone)} left out"] * bool(gone)
    parts += [f"{', '.join(smaller)} drawn without"] * bool(smaller)
    return f"switched off {SWITCHED_OFF}: {what}; figures: {'; '.join(parts)}" if parts else ""


def refusal(name: str, switched_off: Mapping[str, Sequence[str]]) -> str:
    """Say why a figure of the paper that the configuration does not have cannot be drawn.

    `switched_off` has, by figure, the experiments and pretrained networks that are named for it but
    are null in the configuration or not in its `only`.
    """
    figure = FIGURES[name]
    if name in switched_off:
        names = switched_off[name]
        return (
            f"{name} needs {', '.join(names)}, which {'is' if len(names) == 1 else 'are'} switched off "
            f"{SWITCHED_OFF}; it shows {figure.shows.removeprefix('not in the paper: ')}; "
            f"name {figure.others} under figures.{name}"
        )
    if figure.kind == "arrangement":
        return f"{name} is switched off; set figures.{name} to {{}} in the configuration"
    return (
        f"{name} needs {figure.needs}: {figure.shows}; "
        f"name {'it' if figure.needs != 'experiments' else 'them'} under figures.{name} in the configuration"
    )
