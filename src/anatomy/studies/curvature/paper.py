"""The paper's figures: how each is drawn, and what the paper shows in it."""

from collections.abc import Mapping

from anatomy.reporting.figures import EXPERIMENT, EXPERIMENTS, Paper, PaperFigure

PAPER = Paper(
    title="Unveiling the Hessian's Connection to the Decision Boundary",
    authors="Sabanayagam, Behrens, Adomaityte, Dawid",
    year=2023,
    hero="curvature_figure_2",
    headline=("outliers-are-classes-minus-one", "alignment-marks-one-section"),
)

BOUNDARY = "Top eigenvectors encode the decision boundary"
COMPLEXITY = "Outliers count the complexity of the boundary"
MARGIN = "Simple boundaries with a wide margin"
IMAGES = "Images"
ADDED = "Not in the paper"

FIGURES: Mapping[str, PaperFigure] = {
    "curvature_figure_1": PaperFigure(
        "curvature_line",
        BOUNDARY,
        "six points on a line: logits, gradients and alignments, eigenvectors, spectrum and loss surface",
        EXPERIMENT,
    ),
    "curvature_figure_2": PaperFigure(
        "curvature_maps", BOUNDARY, "the boundary and five alignments on three Gaussian classes", EXPERIMENTS
    ),
    "curvature_figure_3": PaperFigure(
        "curvature_minima",
        COMPLEXITY,
        "boundary, seven alignments and spectrum of normal, adversarial and large-norm training",
        EXPERIMENTS,
    ),
    "curvature_figure_4": PaperFigure(
        "curvature_alignments",
        COMPLEXITY,
        "alignments of every training point with the top eigenvectors, and the measure G",
        EXPERIMENTS,
    ),
    "curvature_figure_5": PaperFigure(
        "curvature_margins",
        MARGIN,
        "a normal and a wide-margin minimum of a checkerboard: alignments and margin",
        EXPERIMENTS,
    ),
    "curvature_figure_6": PaperFigure(
        "curvature_embedding",
        IMAGES,
        "MNIST digits 0, 1 and 7 by t-SNE, coloured by class and by alignments, and spectra",
        EXPERIMENTS,
    ),
    "curvature_figure_additional": PaperFigure(
        "curvature_maps",
        BOUNDARY,
        "the boundary and five alignments on five sets of points",
        EXPERIMENTS,
    ),
    "curvature_training": PaperFigure(
        "curvature_training",
        ADDED,
        "not in the paper: eigenvalues, alignments, G and outliers over epochs",
        EXPERIMENTS,
    ),
    "curvature_learning": PaperFigure(
        "curvature_learning",
        ADDED,
        "not in the paper: loss and accuracy over epochs",
        EXPERIMENTS,
    ),
    "curvature_layers": PaperFigure(
        "curvature_layers",
        ADDED,
        "not in the paper: the curvature of each layer of a network of the first study, beside n_l and drops",
        EXPERIMENT,
    ),
    "curvature_seeds": PaperFigure(
        "curvature_seeds",
        ADDED,
        "not in the paper: what it concludes from single runs, over seeds with intervals",
        EXPERIMENTS,
    ),
}
