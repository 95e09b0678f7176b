"""What jobs ask of a cluster: held against runs that were measured, and never less for more to do."""

import pytest
from conftest import RUN_SCHEMA, SCHEMA_FILE
from hypothesis import given
from hypothesis import strategies as st

from anatomy.configuration import requests
from anatomy.configuration.requests import Inputs, Job, Request
from anatomy.runtime.schema import read_schema
from anatomy.runtime.settings import Settings

CIFAR = Inputs(50_000, 10_000, (3, 32, 32))
IMAGENET = Inputs(1_281_167, 50_000, (3, 224, 224), in_files=True)


def job_of(inputs=CIFAR, gpu=True, loaders=0, **settings):
    settings = {"architecture": "vgg19", "epochs": 100, **settings}
    return Job(Settings(settings, RUN_SCHEMA), inputs, gpu, threads=1, loaders=loaders)


def dataset_of(source, **settings):
    schema = read_schema(SCHEMA_FILE)["$defs"]["own_source" if ":" in source else source]
    return Settings({"source": source, "label": "data", **settings}, schema)


@pytest.mark.parametrize(
    ("job", "memory", "minutes"),
    [
        # docs/gpu.md and docs/results/cifar10: on one H200, 100 epochs.
        (job_of(precision="bf16"), 2400, 88 / 60),
        # docs/benchmarks.md: one epoch of 384 images, and three of 8,000 at a quarter of the width.
        (job_of(Inputs(384, 384, (3, 32, 32)), gpu=False, epochs=1), 1411, 0.2),
        (job_of(Inputs(8_000, 1_000, (3, 32, 32)), gpu=False, epochs=3, width=0.25), 700, 42 / 60),
        # Eight seeds one after the other.
        (job_of(Inputs(10_000, 500, (1, 28, 28)), gpu=False, architecture="lenet", epochs=12), 600, 0.55),
    ],
)
def test_trainings_that_were_measured_fit_into_what_they_ask_for(job, memory, minutes):
    asked = requests.training(job)
    assert memory <= asked.memory <= 3 * memory
    assert minutes + requests.START <= asked.minutes <= 80 * minutes + 2 * requests.START


def test_small_and_large_trainings_ask_for_different_sizes():
    small = requests.training(job_of(Inputs(4_000, 500, (1, 28, 28)), architecture="lenet", epochs=10))
    large = requests.training(job_of(IMAGENET, epochs=75, loaders=8))
    assert small.minutes < 60 < large.minutes == requests.LONGEST
    assert small.memory < large.memory


def test_each_attempt_asks_for_more_but_no_longer_than_clusters_allow():
    request = Request(1000, 1000)
    assert request.again(1) == request
    assert request.again(2) == Request(2000, 2000)
    assert request.again(3) == Request(3000, requests.LONGEST)


@given(
    images=st.integers(100, 10**6),
    side=st.sampled_from([32, 64, 224]),
    epochs=st.integers(1, 300),
    width=st.floats(0.1, 1),
    gpu=st.booleans(),
    precision=st.sampled_from(["float32", "tf32", "bf16"]),
)
def test_no_job_asks_for_less_if_there_is_more_to_do(images, side, epochs, width, gpu, precision):
    def asked(images, epochs, width):
        inputs = Inputs(images, images // 5, (3, side, side))
        job = job_of(inputs, gpu, epochs=epochs, width=width, precision=precision)
        return [requests.training(job), requests.reinitialisation(job, 3), requests.statistics(job)]

    base = asked(images, epochs, width)
    for more in (
        asked(2 * images, epochs, width),
        asked(images, 2 * epochs, width),
        asked(images, epochs, 1.0),
    ):
        for less, greater in zip(base, more, strict=True):
            assert 0 < less.memory <= greater.memory
            assert requests.START <= less.minutes <= greater.minutes <= requests.LONGEST


@pytest.mark.parametrize(
    ("dataset", "inputs"),
    [
        (
            dataset_of("embedded", variant="digits-grey", train=400, test=50),
            Inputs(400, 50, (1, 28, 28)),
        ),
        (dataset_of("torchvision", official="CIFAR100"), CIFAR),
        (dataset_of("torchvision", official="MNIST", train=100), Inputs(100, 10_000, (1, 28, 28))),
        (dataset_of("images", path="imagenet"), IMAGENET),
        (dataset_of("folder", path="mine.tar", train=10, test=5), Inputs(10, 5, (3, 64, 64))),
        (
            dataset_of(
                "torchvision", official="MNIST", classes=[0, 7], per_class={"train": 240, "test": None}
            ),
            Inputs(480, 10_000, (1, 28, 28)),
        ),
        (dataset_of("points", variant="circle"), requests.POINTS),
        (dataset_of("mine:make"), requests.FOLDER),
    ],
)
def test_how_many_inputs_a_data_set_has_or_may_have(dataset, inputs):
    assert requests.inputs_of(dataset) == inputs
    assert requests.preparation(dataset).memory >= 1000 + 6 * inputs.megabytes
