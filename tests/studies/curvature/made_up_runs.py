"""What is measured of runs, made up: networks on a plane of three classes, with chosen numbers."""

import numpy as np

from anatomy.studies.curvature.tables import Run

SIDE, CLASSES, TOP, INPUTS = 6, 3, 8, 9


def _sections(concentrated, random):
    """Jumps of two eigenvectors, each large at one section, and of two random directions."""
    rows = {"1": (concentrated, 0.05, 0.05), "2": (0.05, concentrated, 0.05)}
    rows |= {"random-1": (random, 0.02, 0.02), "random-2": (0.02, random, 0.02)}
    for direction, jumps in rows.items():
        for classes, jump in zip(("0-1", "0-2", "1-2"), jumps, strict=True):
            yield {"direction": direction, "classes": classes, "edges": 5, "jump": jump}


def facts(
    experiment="gauss",
    seed=0,
    sharpest=0.1,
    outliers=2,
    measure=0.04,
    test_accuracy=0.95,
    jump=0.9,
    random_jump=0.02,
    correlation=0.99,
    margin=0.5,
    nearest=0.3,
    on_boundary=True,
    train_accuracy=1.0,
):
    """The numbers of a run at two epochs."""
    values = sharpest * 0.5 ** np.arange(TOP)
    epochs = [
        {
            "epoch": epoch,
            "loss": 0.1,
            "train_accuracy": train_accuracy,
            "eigenvalues": values.tolist(),
            "residuals": [1e-12] * TOP,
            "converged": [True] * TOP,
            "largest": [0.9] * TOP,
            "mean": [0.4] * TOP,
            "outliers": {"0.05": outliers + 1, "0.1": outliers, "0.2": outliers},
            "trace": {"value": 0.3, "low": 0.2, "high": 0.4},
            "thresholds": {"fixed": 1e-6, "eps_min": 0.01, "eps_avg": 0.02},
            "generalisation": {
                name: {"threshold": 0.01, "everywhere": 2 * measure, "curved": measure, "mean": measure / 2}
                for name in ("fixed", "eps_min", "eps_avg")
            },
            "layers": {
                name: {
                    "parameters": 4,
                    "trace": {"value": 0.1, "low": 0.1, "high": 0.1},
                    "top": 0.05,
                    "shares": [0.5] * TOP,
                }
                for name in ("fc1", "fc2")
            },
        }
        for epoch in (0, 5)
    ]
    point = [0.1 * seed, 0.2]
    return {
        "experiment": experiment,
        "seed": seed,
        "parameters": 8,
        "inputs": INPUTS,
        "classes": CLASSES,
        "test_accuracy": test_accuracy,
        "test_inputs": 60,
        "epochs": epochs,
        "sections": [*_sections(jump, random_jump)],
        "reparametrisation": [
            {"index": index, "before": 0.1, "after": 0.2, "correlation": correlation} for index in (1, 2)
        ],
        "margin": {
            "estimate": margin,
            "margin": margin,
            "nearest": nearest,
            "off": 0.01,
            "cosine": 0.9,
            "on_boundary": on_boundary,
            **dict.fromkeys(("descended", "representative", "largest", "smallest"), point),
        },
    }


def plane_arrays(seed=0, agreeing=True, dimensions=2):
    """Maps over a plane or a line, alignments of inputs, and a spectrum."""
    random = np.random.default_rng(seed)
    axis = np.linspace(-1, 1, SIDE)
    if dimensions == 2:
        points = np.stack([grid.reshape(-1) for grid in np.meshgrid(axis, axis)], 1)
    else:
        points = np.linspace(-1, 1, SIDE**2)[:, None]
    classes = (points[:, 0] > 0).astype(int) + (points.sum(1) > 1)
    along = random.uniform(-1, 1, (len(points), 7))
    if agreeing:
        along[:, 0] = points[:, 0] * (-1) ** seed
    places = random.uniform(-1, 1, (INPUTS, dimensions))
    return {
        "spectrum_values": np.append(0.1 * 0.5 ** np.arange(TOP), 0.0),
        "spectrum_weights": np.append(np.full(TOP, 0.05), 1 - 0.05 * TOP),
        "inputs_along": random.uniform(-1, 1, (INPUTS, TOP)),
        "inputs_label": np.arange(INPUTS) % CLASSES,
        "inputs_predicted": np.arange(INPUTS) % CLASSES,
        "inputs_place": places,
        "map_points": points,
        "map_classes": classes,
        "map_boundary": (np.abs(points[:, 0]) < 0.3).astype(np.uint8),
        "map_logits": random.normal(size=(len(points), CLASSES)),
        "map_along": along,
        "map_random": random.uniform(-0.1, 0.1, (len(points), 1)),
        "map_reconstruction": random.uniform(-1, 1, len(points)),
        "map_gradients": random.normal(size=(len(points), 8)),
        "vectors": np.linalg.qr(random.normal(size=(8, 8)))[0][:, :7],
        "plane": random.uniform(0, 1, (5, 5)),
    }


def runs(experiment="gauss", seeds=5, agreeing=True, dimensions=2, **numbers):
    """Runs of one experiment; a number may be a list with one for each seed."""
    return [
        Run(
            facts(
                experiment,
                seed,
                **{key: own[seed] if isinstance(own, list) else own for key, own in numbers.items()},
            ),
            plane_arrays(seed, agreeing, dimensions),
        )
        for seed in range(seeds)
    ]
