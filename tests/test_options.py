"""What the three programs refuse before they begin: values out of range, options without effect."""

import sys

import pytest

import compute_projections
import reinit_layers
from train import options_parser, pipeline_parser

PARSERS = {
    "train": lambda: options_parser().parse_args(),
    "pipeline": lambda: pipeline_parser().parse_args(),
    "compute": compute_projections.parse_arguments,
    "reinit": reinit_layers.parse_arguments,
}


def refusal(program, options, monkeypatch, capsys):
    """Return the last line on stderr of a program that stops at its options."""
    monkeypatch.setattr(sys, "argv", [program, *options.split()])
    with pytest.raises(SystemExit) as stopped:
        PARSERS[program]()
    assert stopped.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("program", "options"),
    [
        ("train", "--epochs 0"),
        ("train", "--start-epoch -1"),
        ("train", "--batch-size 0"),
        ("train", "--lr-step -1"),
        ("train", "--snapshot-every -1"),
        ("train", "--snapshot-all-until -1"),
        ("train", "--workers/-j -1"),
        ("train", "--threads 0"),
        ("train", "--subsample-classes -1"),
        ("train", "--seed -1"),
        ("train", "--split-seed -1"),
        ("train", "--noise-seed -1"),
        ("train", "--class-sample-seed 4294967296"),
        ("pipeline", "--threads 0"),
        ("pipeline", "--workers -1"),
        ("pipeline", "--seed -1"),
        ("compute", "--subsample-classes -1"),
        ("compute", "--width -3"),
        ("compute", "--width nan"),
        ("compute", "--seed 1.5"),
        ("reinit", "--rand -1"),
        ("reinit", "--memory 0"),
        ("reinit", "--memory -5"),
        ("reinit", "--batch-size 0"),
        ("reinit", "--threads 0"),
        ("reinit", "-j/--workers -1"),
        ("reinit", "--width 0"),
        ("reinit", "--subsample-classes -1"),
        ("reinit", "--class-sample-seed -1"),
        ("reinit", "--seed x"),
    ],
)
def test_numbers_out_of_range_are_refused(program, options, monkeypatch, capsys):
    names, value = options.split()
    typed = f"{names.rpartition('/')[2]} {value}"
    line = refusal(program, typed, monkeypatch, capsys)
    assert f"argument {names}: '{value}'; expected a " in line


def test_the_ends_of_the_ranges_are_taken():
    options = (
        "--epochs 1 --lr-step 0 --subsample-classes 0 --class-sample-seed 4294967295 --threads 1 --seed 0"
    )
    parsed = options_parser().parse_args(options.split())
    assert (parsed.epochs, parsed.class_sample_seed, parsed.seed) == (1, 2**32 - 1, 0)


@pytest.mark.parametrize(
    ("program", "options", "message"),
    [
        ("compute", "--snapshots a --output b --with-linear", "--snapshots excludes --with-linear"),
        (
            "compute",
            "--snapshots a --output b --arch vgg19 --load-from c --init-from d",
            "--snapshots excludes --arch, --load-from, --init-from",
        ),
        ("reinit", "--snapshots a --output b", "--run is needed for --snapshots, --output"),
        (
            "reinit",
            "--run a --dataset b --rand --output c --seed 1 --results d --load-from e",
            "--run excludes --load-from, --seed, --results",
        ),
        ("reinit", "--arch vgg19 --dataset cifar10", "--load-from is needed; give the trained network"),
    ],
)
def test_options_without_effect_are_refused(program, options, message, monkeypatch, capsys):
    assert refusal(program, options, monkeypatch, capsys).endswith(f"error: {message}")
