"""Options of the authors' train.py as settings of a run."""

from pathlib import Path

import pytest
import torch
from command_line_runs import PROGRAM, command_line_run, parsed
from conftest import SCHEMA_FILE, settings_of
from official_files import serve

from anatomy.runtime.errors import InputError
from anatomy.studies.arrangements.hp_arrangements.data import DataChoice
from anatomy.studies.arrangements.hp_arrangements.options import check_options, parse_train
from anatomy.studies.arrangements.hp_arrangements.settings import epochs_asked, run_folder, schedule
from anatomy.training.schedules import LearningRates

pytestmark = pytest.mark.usefixtures("inside")

DEFAULTS = {
    **dict.fromkeys(("arch", "dataset", "class_sample_seed", "noise_seed", "split_seed", "seed")),
    **dict.fromkeys(("augmentation", "upscale", "upscale_padding", "pretrained", "stratified"), False),
    **dict.fromkeys(("shuffle", "evaluate", "evaluate_train", "eval_regularization_loss", "cuda"), False),
    **dict.fromkeys(("override", "kill_plateaus", "train_acc", "unnormalize"), False),
    **dict.fromkeys(("subsample_classes", "noise", "split", "start_epoch", "lr_step", "lr_decay"), 0),
    **dict.fromkeys(("snapshot_every", "snapshot_all_until"), 0),
    **{"workers": 1, "epochs": 20, "batch_size": 128, "optimizer": "sgd", "lr": 0.001, "momentum": 0.9},
    **{"weight_decay": 1e-4, "models_path": Path("models"), "tb_logdir": Path("tensorboard")},
    **{"data_path": Path("data"), "log": Path("train.log"), "resume_from": ""},
}


def test_every_option_has_the_default_of_the_original():
    options = vars(parse_train(PROGRAM, []))
    assert options["schema"] == SCHEMA_FILE
    ours = {"threads", "save_every", "schema", "program"}
    assert {name: value for name, value in options.items() if name not in ours} == DEFAULTS
    assert parsed("-j", 4).workers == 4


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], [0, 20]),
        (["--snapshot-every", 6], [0, 6, 12, 18, 20]),
        (["--snapshot-all-until", 3], [0, 1, 2, 3, 20]),
        (["--snapshot-every", 10, "--snapshot-all-until", 2], [0, 1, 2, 10, 20]),
    ],
)
def test_epochs_with_snapshots(options, expected):
    """The authors' e from 0 is saved if e < N, if e + 1 is a multiple of E, or if it is the last."""
    options = parsed(*options)
    every, until = options.snapshot_every or 20, options.snapshot_all_until
    assert [0, *(e + 1 for e in range(20) if e < until or (e + 1) % every == 0 or e == 19)] == expected
    assert epochs_asked(options, 0) == expected


@pytest.mark.parametrize(("step", "factor"), [(25, 0.1), (1, 0.91201), (1, 0.95), (0, 0)])
def test_schedule_is_that_of_torch(step, factor):
    options = parsed("--lr", 0.01, "--lr-step", step, "--lr-decay", factor)
    rates = settings_of(schedule=schedule(options)).schedule
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, step or 1, factor or 1)
    for epoch in range(1, 101):
        assert LearningRates(0.01, rates, 100)(epoch) == pytest.approx(scheduler.get_last_lr()[0])
        optimiser.step()
        scheduler.step()


@pytest.mark.parametrize(
    ("options", "directory"),
    [
        ([], "mnist/vgg19/0"),
        (["--noise", 0.29], "mnist/noise_29/vgg19/0"),
        (["--noise", 0.125, "--subsample-classes", 5], "mnist_5/noise_12.5/vgg19/0"),
        (["--noise", -1], "mnist/pixel_shuffle/vgg19/0"),
    ],
)
def test_directory_of_a_run(options, directory):
    options = parsed("--arch", "vgg19", "--dataset", "mnist", *options)
    assert run_folder(options, DataChoice("mnist"), 0) == Path(directory)


@pytest.mark.parametrize(
    ("name", "augmentation"),
    [("MNIST", {"shift": 4, "flip": False}), ("CIFAR10", {"shift": 4, "flip": True})],
)
def test_augmentation_of_small_images(name, augmentation, server, monkeypatch):
    serve(name, server, monkeypatch, 4)
    settings = command_line_run("--dataset", name.lower(), "--augmentation", "--unnormalize").settings
    assert settings.augmentation.complete() == {**augmentation, "rotate": 0, "random_resized_crop": False}
    assert settings.pixels == "unit"


def test_options_are_a_complete_experiment(shades):
    """Seeds that are not given are the run's; those that decide nothing are not recorded."""
    options = ["--noise", 0.25, "--split", 0.5, "--shuffle", "--subsample-classes", 2, "--upscale"]
    run = command_line_run(*options)
    settings = run.settings
    assert (settings.order, settings.noise_seed, settings.upscaling) == ("drawn", None, "plain")
    assert settings.split.complete() == {"shuffle": True, "stratified": False}
    assert (settings.class_subset.count, settings.class_subset.seed, settings.split_seed) == (2, 3, 3)
    assert (settings.optimiser.kind, settings.initialisation.kind) == ("sgd", "published")
    assert settings.label_noise.complete() == {"fraction": 0.25, "kind": "wrong", "exact": False}
    assert command_line_run("--noise", 0.25, "--noise-seed", 5).settings.noise_seed == 5
    plain = command_line_run("--noise-seed", 5, "--split-seed", 5, "--class-sample-seed", 5).settings
    assert (plain.noise_seed, plain.split_seed, plain.class_subset, plain.order) == (None, 0, None, "stored")
    # Sparse in files, and the same once completed.
    assert run.facts["settings"] == settings.stored()
    assert "width" not in run.facts["settings"]


def test_options_that_the_schema_refuses_are_refused(shades):
    with pytest.raises(InputError, match=r"schedule.factor: 2.0 is greater than the maximum of 1"):
        command_line_run("--lr-step", 1, "--lr-decay", 2).train()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--noise", 1.5], "--noise is 1.5; expected 0 to 1"),
        (["--noise", -0.5], "--noise is -0.5; expected 0 to 1, or -1"),
        (["--lr", "inf"], "--lr is inf; expected a number of more than 0"),
        (["--lr", "nan"], "--lr is nan; expected a number of more than 0"),
        (["--weight-decay", "inf"], "--weight-decay is inf; expected a number of at least 0"),
        (["--lr-decay", "inf", "--lr-step", 1], "--lr-decay is inf; expected a factor"),
        (["--split", 1], "--split is 1.0; expected at least 0 and less than 1"),
        (["--lr-step", 5], "--lr-step and --lr-decay go together"),
        (["--upscale", "--upscale-padding"], "exclude each other"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        check_options(parsed(*options))
