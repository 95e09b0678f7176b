"""The paper's sections and figures: how each figure is drawn, and what the paper shows in it."""

from collections.abc import Mapping

from anatomy.reporting.figures import EXPERIMENTS, NOTHING, PRETRAINED, Paper, PaperFigure

PAPER = Paper(
    title="Hyperplane Arrangements of Trained ConvNets Are Biased",
    authors="Gamba, Carlsson, Azizpour, Björkman",
    year=2020,
    hero="figure_07",
    headline=(
        "unbiased-at-initialisation",
        "layers-past-the-first-biased",
        "no-bias-without-learning",
        "biased-layers-critical",
    ),
)

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

FIGURES: Mapping[str, PaperFigure] = {
    "figure_01": PaperFigure("histograms", BIAS, "pretrained VGG19 on ImageNet", PRETRAINED),
    "figure_02": PaperFigure("heatmaps", CRITICAL, "VGG19 on CIFAR-10, step schedule, three runs"),
    "figure_03": PaperFigure(
        "arrangement", METHOD, "the matrix of a convolution, the cone of a filter", NOTHING
    ),
    "figure_04": PaperFigure("histograms", BIAS, "AlexNet on ImageNet, step schedule"),
    "figure_05": PaperFigure("dynamics", BIAS, "AlexNet on ImageNet, step schedule"),
    "figure_06": PaperFigure("dynamics", BIAS, "VGG19 on CIFAR-10 with noise for all training labels"),
    "figure_07": PaperFigure("dynamics", CRITICAL, "VGG19 on CIFAR-10, step schedule, ten runs"),
    "figure_08": PaperFigure("dynamics", DYNAMICS, "VGG19 on ImageNet, step schedule"),
    "figure_09": PaperFigure("histograms", PYTORCH, "VGG16 on ImageNet by PyTorch", PRETRAINED),
    "figure_10": PaperFigure("histograms", PYTORCH, "VGG13 on ImageNet by PyTorch", PRETRAINED),
    "figure_11": PaperFigure("histograms", PYTORCH, "VGG11 on ImageNet by PyTorch", PRETRAINED),
    "figure_12": PaperFigure("histograms", PYTORCH, "AlexNet on ImageNet by PyTorch", PRETRAINED),
    "figure_13": PaperFigure("histograms", MATCONVNET, "VGG16 on ImageNet by MatConvNet", PRETRAINED),
    "figure_14": PaperFigure("histograms", MATCONVNET, "AlexNet on ImageNet by MatConvNet", PRETRAINED),
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
        EXPERIMENTS,
    ),
    "figure_22": PaperFigure(
        "comparison", SETUP, "VGG19 on CIFAR-10 and ImageNet, step and smooth schedule", EXPERIMENTS
    ),
    "figure_23": PaperFigure("heatmaps", SETUP, "VGG19 on CIFAR-10, step schedule, all runs"),
    "figure_24": PaperFigure("heatmaps", SETUP, "VGG19 on CIFAR-10, smooth schedule, all runs"),
    "figure_polarity": PaperFigure(
        "first_layer",
        BIAS,
        "not in the paper: digits of one polarity and of both, all else equal",
        EXPERIMENTS,
    ),
}
