"""The paper's figures: how each is drawn, and what the paper shows in it."""

from collections.abc import Mapping

from anatomy.reporting.figures import EXPERIMENTS, Paper, PaperFigure

PAPER = Paper(
    title="Learning Neural Network Subspaces",
    authors="Wortsman, Horton, Guestrin, Farhadi, Rastegari",
    year=2021,
    hero="subspaces_figure_4",
    headline=("mid-point-above-standard-training", "every-point-accurate"),
)

ACCURACY = "4 Accuracy of lines and curves"
SIMPLEXES = "4 Accuracy of simplexes"
CALIBRATION = "4 Calibration"
NOISE = "4 Robustness to label noise"
CORRUPTION = "4 Robustness to corruption"
AVERAGES = "4 Comparison with stochastic weight averaging"
DIVERSITY = "3 Distance and diversity of the ends"
LANDSCAPE = "3 What lies between networks"

FIGURES: Mapping[str, PaperFigure] = {
    "subspaces_figure_4": PaperFigure(
        "accuracy_over_alpha",
        ACCURACY,
        "lines, layerwise lines and curves of cResNet20 on CIFAR-10 and of ResNet18 on TinyImageNet",
        EXPERIMENTS,
    ),
    "subspaces_figure_5": PaperFigure(
        "accuracy_over_corners",
        SIMPLEXES,
        "simplexes of ResNet18 on TinyImageNet, with a point for each layer and without",
        EXPERIMENTS,
    ),
    "subspaces_calibration": PaperFigure(
        "calibration_over_alpha", CALIBRATION, "the calibration error along lines and curves", EXPERIMENTS
    ),
    "subspaces_label_noise": PaperFigure(
        "accuracy_over_noise",
        NOISE,
        "accuracy over label noise, of mid-points, early stopping, dropout, label smoothing and averages",
        EXPERIMENTS,
    ),
    "subspaces_corruptions": PaperFigure(
        "accuracy_under_corruption",
        CORRUPTION,
        "accuracy on ImageNet-C, of single networks, mid-points and ensembles of two points",
        EXPERIMENTS,
    ),
    "subspaces_swa": PaperFigure(
        "averages",
        AVERAGES,
        "mid-points of lines beside stochastic weight averaging",
        EXPERIMENTS,
    ),
    "subspaces_ends": PaperFigure(
        "distance_of_ends",
        DIVERSITY,
        "distance and cosine of the ends of lines, trained with beta and without",
        EXPERIMENTS,
    ),
    "subspaces_plane": PaperFigure(
        "plane_of_corners",
        LANDSCAPE,
        "not in the paper: accuracy and loss in the plane of three corners",
    ),
    "subspaces_barrier": PaperFigure(
        "barrier_of_seeds",
        LANDSCAPE,
        "not in the paper: lines between networks trained independently, with matched units and without",
        EXPERIMENTS,
    ),
}
