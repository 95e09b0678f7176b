"""Made-up experiments by which each claim is supported, not supported, and inconclusive."""

import numpy as np
from studies.arrangements.claim_tables import (
    EDGE,
    FIGURES_02_07,
    FIRST_EIGHT,
    FLIPPED,
    SLOPE,
    SMOOTH,
    STEP,
    WAVE,
    experiment,
    seeds_of,
    uncertain,
)

# Claim, figures that support it, figures that do not.
CASES = [
    ("unbiased-at-initialisation", {"figure_07": experiment()}, {"figure_07": experiment(start=0.7)}),
    # Biases of opposite sign are not one half.
    (
        "unbiased-at-initialisation",
        {"figure_05": experiment(layers=5)},
        {"figure_05": experiment(start=[0.3, 0.7], layers=2)},
    ),
    (
        "layers-past-the-first-biased",
        {"figure_05": experiment(end=[0.5, 0.9, 0.9, 0.8, 0.9], layers=5)},
        {"figure_05": experiment(end=[0.9, 0.9, 0.9, 0.6, 0.9], layers=5)},
    ),
    (
        "layers-2-to-8-biased",
        {"figure_07": experiment(end=[0.5] + [0.9] * 7 + [0.5] * 8)},
        {"figure_07": experiment(end=[0.9] * 7 + [0.5] * 9)},
    ),
    (
        "first-layer-unbiased-on-rgb",
        {"figure_07": experiment(end=[0.5] + [0.9] * 15)},
        {"figure_07": experiment(end=0.9)},
    ),
    # Towards positive is a bias too.
    (
        "first-layer-unbiased-on-rgb",
        {"figure_21": [experiment("rgb", 0.55), experiment("grey", 0.9, channels=1)]},
        {"figure_21": [experiment("rgb", 0.55), experiment("other", 0.2)]},
    ),
    (
        "first-layer-biased-on-digits",
        {"figure_21": [experiment("rgb", 0.5), experiment("grey", 0.9, channels=1)]},
        {"figure_21": [experiment("rgb", 0.9), experiment("grey", 0.5, channels=1)]},
    ),
    (
        "no-bias-without-learning",
        {"figure_15": experiment(end=[0.9] * 8 + [0.5] * 8, accuracy=0.1)},
        {"figure_15": experiment(end=[0.5] * 15 + [0.8], accuracy=0.1)},
    ),
    (
        "bias-when-noisy-loss-falls",
        {"figure_06": experiment(onset=10, loss_falls=9)},
        {"figure_06": experiment(onset=5, loss_falls=9)},
    ),
    (
        "bias-when-noisy-loss-falls",
        {"figure_06": experiment(onset=8, loss_falls=9)},
        {"figure_06": experiment(end=0.5, loss_falls=9)},
    ),
    # Bias comes when the loss falls, but there was another one before.
    (
        "bias-when-noisy-loss-falls",
        {"figure_06": experiment(onset=9, loss_falls=9)},
        {"figure_06": experiment(start=0.9, onset=9, loss_falls=9)},
    ),
    (
        "less-bias-under-pixel-shuffle",
        {"figure_20": experiment("shuffled", 0.6), "figure_07": experiment("clean", 0.9)},
        {"figure_20": experiment("shuffled", 0.9), "figure_07": experiment("clean", 0.6)},
    ),
    (
        "less-bias-under-pixel-shuffle",
        {"figure_20": experiment("shuffled", 0.6), "figure_22": [experiment("a", 0.5), experiment("b", 0.9)]},
        {"figure_20": experiment("shuffled", 0.6), "figure_22": [experiment("a", 0.9), experiment("b", 0.5)]},
    ),
    (
        "biased-layers-critical",
        dict.fromkeys(FIGURES_02_07, experiment(end=SLOPE + WAVE, drops=SLOPE + WAVE)),
        dict.fromkeys(FIGURES_02_07, experiment(end=SLOPE + WAVE, drops=SLOPE - WAVE)),
    ),
    (
        "first-eight-layers-critical",
        {"figure_02": experiment(drops=FIRST_EIGHT)},
        {"figure_02": experiment(drops=0.5)},
    ),
    (
        "layers-9-and-10-critical",
        {"figure_16": experiment(drops=0.2)},
        {"figure_16": experiment(drops=FIRST_EIGHT)},
    ),
    (
        "layers-9-and-10-biased",
        {"figure_17": experiment(end=0.8)},
        {"figure_17": experiment(end=[0.9] * 9 + [0.6] * 7)},
    ),
    (
        "all-layers-critical-on-imagenet",
        {"figure_18": experiment("a", layers=5, drops=0.3), "figure_19": experiment("b", drops=0.2)},
        {"figure_18": experiment("a", layers=5, drops=0.3), "figure_19": experiment("b", drops=FIRST_EIGHT)},
    ),
    (
        "sign-flips-late",
        {"figure_08": experiment(middle=0.9, end=FLIPPED)},
        {"figure_08": experiment(middle=0.9, end=0.9)},
    ),
    # Positive, but never negative before.
    (
        "sign-flips-late",
        {"figure_08": experiment(middle=0.9, end=FLIPPED)},
        {"figure_08": experiment(middle=0.5, end=FLIPPED)},
    ),
    ("step-has-less-spread", {"figure_22": [STEP, SMOOTH]}, {"figure_22": [SMOOTH, STEP]}),
    (
        "step-has-less-spread",
        {"figure_22": [STEP, SMOOTH, STEP, SMOOTH]},
        {"figure_22": [STEP, SMOOTH, SMOOTH, STEP]},
    ),
    # With two filters full agreement is what chance gives in half of the pairs.
    (
        "full-agreement-beyond-chance",
        {"figure_07": experiment(end=[1.0] + [0.5] * 15)},
        {"figure_07": experiment(end=[0.0, 1.0, *[0.5] * 6] * 2, filters=2)},
    ),
    (
        "one-polarity-biases-the-first-layer",
        {"figure_polarity": [experiment("one", 0.9), experiment("both", 0.5)]},
        {"figure_polarity": [experiment("one", 0.5), experiment("both", 0.1)]},
    ),
]


# Claim, figures whose interval includes the threshold, beginning of the note.
INCLUDING = [
    (
        "unbiased-at-initialisation",
        {"figure_05": experiment(layers=1, filters=4)},
        "layer 1 of run (12 filters)",
    ),
    (
        "layers-past-the-first-biased",
        {"figure_05": experiment(end=[0.1, 0.9, EDGE], layers=3)},
        "layer 3 of run (1200 filters)",
    ),
    ("layers-2-to-8-biased", {"figure_07": experiment(end=[0.9] * 7 + [EDGE] * 9)}, "layer 8 of run"),
    ("first-layer-unbiased-on-rgb", {"figure_07": experiment(end=EDGE)}, "layer 1 of run"),
    ("first-layer-biased-on-digits", {"figure_21": experiment(end=EDGE, channels=1)}, "layer 1 of run"),
    (
        "no-bias-without-learning",
        {"figure_15": experiment(end=[0.5] * 9 + [EDGE] + [0.5] * 6, accuracy=0.1)},
        "layer 10 of run",
    ),
    (
        "less-bias-under-pixel-shuffle",
        {
            "figure_20": experiment("shuffled", np.linspace(0.6, 0.8, 16)),
            "figure_07": experiment("clean", np.linspace(0.8, 0.6, 16)),
        },
        "epoch 20, the last of both",
    ),
    (
        "biased-layers-critical",
        dict.fromkeys(
            FIGURES_02_07,
            experiment(end=SLOPE + WAVE, drops=SLOPE + np.roll(WAVE, 5)),
        ),
        "15 layers, 3 seeds; without regard to depth",
    ),
    (
        "first-eight-layers-critical",
        {
            "figure_02": seeds_of(
                *(experiment(drops=[0.5] * 8 + [drop] + [0.01] * 7) for drop in (0.0, 0.1, 0.3))
            )
        },
        "layer 9, 3 seeds, should lie below",
    ),
    ("layers-9-and-10-critical", {"figure_16": uncertain(9)}, "layer 9 of run, 3 seeds"),
    (
        "layers-9-and-10-biased",
        {"figure_17": experiment(end=[0.9] * 9 + [EDGE] * 7)},
        "layer 10 of run",
    ),
    (
        "all-layers-critical-on-imagenet",
        {"figure_18": experiment("a", layers=5, drops=0.3), "figure_19": uncertain(4)},
        "layer 4 of run",
    ),
    (
        "sign-flips-late",
        {"figure_08": experiment(middle=0.9, end=[0.5, 0.33, *FLIPPED[2:]])},
        "layer 2 of run",
    ),
    (
        "step-has-less-spread",
        {"figure_22": [experiment("a", spread=0.05), experiment("b", spread=0.05)]},
        "a against b",
    ),
    (
        "one-polarity-biases-the-first-layer",
        {"figure_polarity": [experiment("one", 0.9), experiment("both", 0.1)]},
        "0.400 with one polarity (3 seeds), 0.400 with both",
    ),
]
# A point or a p-value, not an interval, decides these: inconclusive is where one outcome alone is possible.
WITHOUT_INTERVAL = [
    (
        "bias-when-noisy-loss-falls",
        {"figure_06": experiment(loss_falls=2)},
        "inconclusive: the loss falls in epoch 2, too early",
    ),
    (
        "full-agreement-beyond-chance",
        {"figure_07": experiment(end=1.0, filters=2, layers=1)},
        "3 of 3 pairs; expected at initialisation 1.5 by 2^(1-F), 1.5 by F/2^F; inconclusive: agreement",
    ),
    # None of 48, of which none was to be expected.
    (
        "full-agreement-beyond-chance",
        {"figure_07": experiment(end=0.95)},
        "0 of 48 pairs; expected at initialisation",
    ),
]
