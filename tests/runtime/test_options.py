"""What programs refuse before they begin: values out of range, options without effect or of others."""

import sys
from functools import partial

import pytest
from conftest import SCRIPTS

import measure_projections
import reinitialise_layers
import train_network
from anatomy.studies.arrangements.hp_arrangements.options import (
    parse_compute_projections,
    parse_reinit_layers,
    parse_train,
)

TRAIN, REINIT_LAYERS = (SCRIPTS / "hp_arrangements" / f"{name}.py" for name in ("train", "reinit_layers"))
PARSERS = {
    "train_network": train_network.parse_arguments,
    "measure_projections": measure_projections.parse_arguments,
    "reinitialise_layers": reinitialise_layers.parse_arguments,
    "train": partial(parse_train, TRAIN),
    "compute_projections": parse_compute_projections,
    "reinit_layers": partial(parse_reinit_layers, REINIT_LAYERS),
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
        ("train_network", "--threads 0"),
        ("train_network", "--workers -1"),
        ("train_network", "--seed -1"),
        ("compute_projections", "--subsample-classes -1"),
        ("compute_projections", "--width -3"),
        ("compute_projections", "--width nan"),
        ("compute_projections", "--seed 1.5"),
        ("reinit_layers", "--rand -1"),
        ("reinit_layers", "--memory 0"),
        ("reinit_layers", "--memory -5"),
        ("reinit_layers", "--batch-size 0"),
        ("reinit_layers", "--threads 0"),
        ("reinit_layers", "-j/--workers -1"),
        ("reinit_layers", "--width 0"),
        ("reinit_layers", "--subsample-classes -1"),
        ("reinit_layers", "--class-sample-seed -1"),
        ("reinit_layers", "--seed x"),
        ("reinitialise_layers", "--rand -1"),
        ("reinitialise_layers", "--memory 0"),
        ("reinitialise_layers", "--batch-size 0"),
        ("reinitialise_layers", "--threads 0"),
        ("reinitialise_layers", "-j/--workers -1"),
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
    parsed = parse_train(TRAIN, options.split())
    assert (parsed.epochs, parsed.class_sample_seed, parsed.seed) == (1, 2**32 - 1, 0)


RUN = "--run a --dataset b --output c"


@pytest.mark.parametrize(
    ("program", "options", "message"),
    [
        ("measure_projections", "--snapshots a", "the following arguments are required: --output"),
        ("measure_projections", "--output a", "the following arguments are required: --snapshots"),
        ("measure_projections", "--snapshots a --output b --with-linear", "arguments: --with-linear"),
        ("reinitialise_layers", RUN, "nothing to reset to; give --snapshots, --rand or both"),
        ("reinitialise_layers", "--rand --output b", "arguments are required: --run, --dataset"),
        ("reinitialise_layers", "--run a --rand", "arguments are required: --dataset, --output"),
        ("reinitialise_layers", f"{RUN} --rand --seed 1", "unrecognized arguments: --seed 1"),
        ("reinitialise_layers", f"{RUN} --rand --load-from e", "unrecognized arguments: --load-from e"),
        ("train", "--settings {}", "unrecognized arguments: --settings {}"),
        ("compute_projections", "--snapshots a --output b", "arguments: --snapshots a --output b"),
        ("reinit_layers", "--run a --output b", "unrecognized arguments: --run a --output b"),
        (
            "reinit_layers",
            "--arch vgg19 --dataset cifar10",
            "--load-from is needed; give the trained network",
        ),
    ],
)
def test_options_without_effect_are_refused(program, options, message, monkeypatch, capsys):
    line = refusal(program, options, monkeypatch, capsys)
    assert line.startswith(f"{program}: error: ") and line.endswith(message)
