"""The paper's figures: those of each pair of networks, of all layers, of retraining; and further ones."""

from collections.abc import Mapping

from anatomy.reporting.figures import EXPERIMENTS, Paper, PaperFigure

PAPER = Paper(
    title="Measuring (in)variances in Convolutional Networks",
    authors="Quiroga, Torrents-Barrena, Lanzarini, Puig",
    year=2019,
    hero="invariance_layers",
    headline=("rotated-training-lowers-m", "lower-layers-most-invariant"),
)

TRAINING = "Training"
RETRAINING = "Retraining"
MEASURE = "Invariance of layers and units"

NETWORKS = {
    "simple_conv": "SimpleConv",
    "all_convolutional": "AllConvolutional",
    "vgg_like": "VGGLike",
    "resnet": "ResNet",
}
DATASETS = {"mnist": "MNIST", "cifar10": "CIFAR-10"}
# By kind: its section, and what it shows of a pair.
_OF_A_PAIR = {
    "invariance_training": (TRAINING, "loss and accuracy over epochs, and on plain and rotated images"),
    "invariance_units": (MEASURE, "the invariance of every unit"),
    "invariance_classes": (MEASURE, "the invariance of the outputs, by class"),
    "invariance_angles": (MEASURE, "test accuracy by class and angle"),
}

FIGURES: Mapping[str, PaperFigure] = {
    "invariance_layers": PaperFigure(
        "invariance_layers", MEASURE, "the mean invariance of the layers of four networks", EXPERIMENTS
    ),
    **{
        f"{kind}_{network}_{dataset}": PaperFigure(
            kind, section, f"{shows}, of {NETWORKS[network]} on {DATASETS[dataset]}", EXPERIMENTS
        )
        for network in NETWORKS
        for dataset in DATASETS
        for kind, (section, shows) in _OF_A_PAIR.items()
    },
    "invariance_retraining": PaperFigure(
        "invariance_retraining",
        RETRAINING,
        "accuracy after training chosen layers on rotated images",
        EXPERIMENTS,
    ),
    "invariance_epochs": PaperFigure(
        "invariance_epochs", MEASURE, "not in the paper: the invariance of layers over epochs", EXPERIMENTS
    ),
    "invariance_stability": PaperFigure(
        "invariance_stability",
        MEASURE,
        "not in the paper: invariance over seeds, of trained and untrained networks",
        EXPERIMENTS,
    ),
    "invariance_transformations": PaperFigure(
        "invariance_transformations",
        MEASURE,
        "not in the paper: the invariance of layers to scale, translation, and all together",
        EXPERIMENTS,
    ),
}
