"""What programs refuse before they begin: values out of range, options without effect or of others."""

import json
import shutil
import sys
from argparse import ArgumentParser
from functools import partial

import pytest
from conftest import SCHEMA_FILE, SCRIPTS

import import_pretrained
import measure_projections
import prepare_dataset
import reinitialise_layers
import tabulate_criticality
import train_network
from anatomy.runtime.errors import InputError
from anatomy.runtime.options import add_schema
from anatomy.studies.arrangements.hp_arrangements.options import (
    parse_compute_projections,
    parse_reinit_layers,
    parse_train,
)

TORCHVISION = {"source": "torchvision", "architecture": "alexnet"}
EMBEDDED = {"source": "embedded", "variant": "digits-grey", "train": 20, "test": 20}
TRAIN, REINIT_LAYERS = (SCRIPTS / "hp_arrangements" / f"{name}.py" for name in ("train", "reinit_layers"))
PARSERS = {
    "train_network": train_network.parse_arguments,
    "measure_projections": measure_projections.parse_arguments,
    "reinitialise_layers": reinitialise_layers.parse_arguments,
    "tabulate_criticality": tabulate_criticality.parse_arguments,
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
        ("train", "--threads 1000000"),
        ("train", "--save-every nan"),
        ("train", "--save-every -1"),
        ("train", "--epochs 9223372036854775808"),
        ("train_network", "--threads 1000000"),
        ("tabulate_criticality", "--critical-drop nan"),
        ("tabulate_criticality", "--critical-drop inf"),
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


def given(program, entry, output, monkeypatch):
    """Let a program have an entry of the configuration."""
    options = ["--name", "mine", "--settings", json.dumps(entry), "--output", str(output)]
    monkeypatch.setattr(sys, "argv", [program, *options])


@pytest.mark.parametrize(
    ("program", "entry", "message"),
    [
        (prepare_dataset, {}, "key source is missing"),
        (prepare_dataset, {"source": 5}, "source: 5 is not of type string"),
        (prepare_dataset, {"source": "foo"}, "source: 'foo' is not allowed; allowed: embedded, "),
        (
            prepare_dataset,
            {"source": "embedded"},
            "key variant is missing; key train is missing; key test is",
        ),
        (
            prepare_dataset,
            {**EMBEDDED, "variant": "x"},
            "variant: 'x' is not allowed; allowed: digits-grey, ",
        ),
        (prepare_dataset, {**EMBEDDED, "train": 9}, "train: 9 is not allowed; expected at least 10"),
        (prepare_dataset, {"source": "own:make", "options": 5}, "options: 5 is not of type object"),
        (import_pretrained, {}, "key source is missing"),
        (import_pretrained, {"source": "x"}, "source: 'x' is not allowed; allowed: torchvision, matconvnet"),
        (import_pretrained, {"source": "torchvision"}, "key architecture is missing"),
        (import_pretrained, {"source": "matconvnet", "architecture": "vgg16"}, "key path is missing"),
        (import_pretrained, {**TORCHVISION, "seed": "x"}, "seed: 'x' is not of type integer"),
    ],
)
def test_entries_that_make_no_sense_are_refused_by_their_keys(program, entry, message, tmp_path, monkeypatch):
    given(program.__name__, entry, tmp_path / "out", monkeypatch)
    with pytest.raises(InputError) as caught:
        program.main()
    assert str(caught.value).startswith(message)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("program", [prepare_dataset, import_pretrained, train_network])
@pytest.mark.parametrize("text", ["5", "[]", "{", "null"])
def test_entries_are_keys_and_values(program, text, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [program.__name__, "--settings", text])
    with pytest.raises(SystemExit):
        program.parse_arguments()
    line = capsys.readouterr().err.splitlines()[-1]
    assert f"argument --settings: {text!r}; expected keys and values as JSON" in line


@pytest.mark.parametrize("text", ['{"epochs": 1, "epochs": 2}', '{"loss": {"epochs": 1, "epochs": 1}}'])
def test_a_key_that_is_given_twice_is_refused(text, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train_network.py", "--settings", text])
    with pytest.raises(SystemExit):
        train_network.parse_arguments()
    line = capsys.readouterr().err.splitlines()[-1]
    assert f"argument --settings: {text!r}: 'epochs' is there twice; give each key once" in line


@pytest.mark.parametrize("program", [prepare_dataset, train_network])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"options": {"x": NaN}}', "'options.x' is nan; expected finite numbers"),
        ('{"options": {"x": [{"y": 1}, -1e999]}}', "'options.x' is -inf; expected finite numbers"),
        ('{"width": Infinity}', "'width' is inf; expected finite numbers"),
        (r'{"label": "\ud800"}', "a text has half a character; expected UTF-8"),
        (f'{{"x": {"9" * 5000}}}', f"'{{\"x\": {'9' * 194}'...: a number has too many digits"),
        (f'{{"x": 1, "x": "{"9" * 5000}"}}', "'...: 'x' is there twice; give each key once"),
        (f"[{'9' * 900}]", "'...; expected keys and values as JSON"),
        ('{"a":' * 900 + "NaN" + "}" * 900, "a' is nan; expected finite numbers"),
    ],
    ids=["nan", "beyond floats", "infinity", "surrogate", "digits", "twice", "list", "deep"],
)
def test_numbers_that_are_none_and_long_entries_are_refused_in_a_short_line(
    program, text, message, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "argv", [program.__name__, "--settings", text])
    with pytest.raises(SystemExit):
        program.parse_arguments()
    line = capsys.readouterr().err.splitlines()[-1]
    assert "argument --settings: " in line and message in line
    assert len(line) < 400 or text.startswith('{"a":{')


@pytest.mark.parametrize("program", ["train_network.py", "hp_arrangements/train.py"])
def test_the_schema_is_that_of_the_workflow_of_the_program(program, tmp_path):
    def parser(path):
        made = ArgumentParser(exit_on_error=False)
        add_schema(made, path)
        return made

    assert parser(SCRIPTS / program).parse_args([]).schema == SCHEMA_FILE
    copy = tmp_path / "workflow/scripts" / program
    assert parser(copy).get_default("schema") is None
    assert parser(copy).parse_args(["--schema", "other.yaml"]).schema.name == "other.yaml"
    shutil.copytree(SCHEMA_FILE.parent, tmp_path / "workflow/schemas")
    assert parser(copy).parse_args([]).schema == tmp_path / "workflow/schemas/config.schema.yaml"
