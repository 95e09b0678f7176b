"""Matching of units: what it must keep, what it must find, and barriers that it removes."""

import shutil
from itertools import pairwise, permutations

import numpy as np
import pytest
import torch
from conftest import run_program
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from studies.subspaces.subspace_runs import finished_run, opened
from torch import nn

import anatomy
from anatomy.networks.build import build_network
from anatomy.reporting.tables import read_table
from anatomy.runtime.checksums import xxh3_of
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import sha256_of, write_json
from anatomy.runtime.run_files import CHECKSUM, FINAL_NETWORK, RUN_FILE, SHA256, XXH3, read_facts, signed
from anatomy.runtime.streams import stream
from anatomy.studies.subspaces.barrier import COLUMNS, rows_of_runs
from anatomy.studies.subspaces.figures.barrier_of_seeds import draw
from anatomy.studies.subspaces.matching import chain_of, match, matched

LENET = {"architecture": "lenet", "width": 0.5, "optimiser": {"learning_rate": 0.01}}


def vgg(seed):
    network = build_network("vgg11", 3, 3, 0.0625, stream(seed, "initialisation"), "kaiming")
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(generator=stream(seed, name))
    return network.eval()


def renumbered(network, seed):
    """The state of a network with its hidden units in another order, layer by layer and by hand."""
    random, state = np.random.default_rng(seed), dict(network.state_dict())
    names = chain_of(network)
    for name, following in pairwise(names):
        order = torch.from_numpy(random.permutation(len(state[f"{name}.bias"])))
        for part in ("weight", "bias"):
            state[f"{name}.{part}"] = state[f"{name}.{part}"][order]
        weight = state[f"{following}.weight"]
        by_unit = weight.unflatten(1, (len(order), -1))[:, order]
        state[f"{following}.weight"] = by_unit.reshape(weight.shape)
    return state


def test_a_renumbered_network_is_found_again():
    original, other = vgg(0), vgg(1)
    other.load_state_dict(renumbered(original, 5))
    images = torch.randn(4, 3, 32, 32, generator=stream(0, "images"))
    torch.testing.assert_close(other(images), original(images), rtol=1e-4, atol=1e-4)
    assert not torch.equal(other.features[0].weight, original.features[0].weight)
    for name, tensor in matched(other, original).items():
        assert torch.equal(tensor, original.state_dict()[name]), name


def test_a_matched_network_computes_the_same_and_is_nearer():
    one, other = vgg(0), vgg(1)
    images = torch.randn(4, 3, 32, 32, generator=stream(0, "images"))
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    logits = other(images)
    network = anatomy.matched(other, one)
    found = network.state_dict()
    assert all(torch.equal(before[name], tensor) for name, tensor in other.state_dict().items())
    torch.testing.assert_close(network(images), logits, rtol=1e-4, atol=1e-4)

    def distance(state):
        return sum((state[name] - tensor).square().sum().item() for name, tensor in one.named_parameters())

    assert distance(found) < 0.99 * distance(before)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.integers(1, 4), st.booleans())
def test_the_best_order_of_a_single_hidden_layer_is_found(seed, units, biased):
    """Against all orders."""
    random = np.random.default_rng(seed)

    def layers():
        bias = random.normal(size=units) if biased else None
        return [(random.normal(size=(units, 2, 3)), bias), (random.normal(size=(2, units, 1)), None)]

    own, others = layers(), layers()

    def similarity(order):
        order = list(order)
        (w, b), (v, _) = own
        (u, c), (t, _) = others
        return (w[order] * u).sum() + (v[:, order] * t).sum() + ((b[order] * c).sum() if biased else 0)

    (found,) = match(own, others, np.random.default_rng(0))
    best = max(similarity(order) for order in permutations(range(units)))
    assert similarity(found) == pytest.approx(best)


def test_what_cannot_be_matched_is_refused():
    with pytest.raises(InputError, match=r"features\.1 is a BatchNorm2d; units are matched in chains"):
        chain_of(build_network("vgg11bn", 3, 3, 0.0625, stream(0, "a"), "kaiming"))
    with pytest.raises(InputError, match="is no chain of layers"):
        chain_of(build_network("cifar_resnet_8", 3, 3, 0.5, stream(0, "a"), "kaiming"))
    with pytest.raises(InputError, match=r"2\.weight differs in shape"):
        matched(
            nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)),
            nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4)),
        )


def test_the_barrier_between_a_run_and_itself_renumbered_goes(tmp_path):
    """Its ends are the runs themselves, and matching leaves no barrier at all."""
    first, other = (opened(finished_run(tmp_path, seed, **LENET)) for seed in (0, 1))
    rows = list(rows_of_runs([first, other], 3))
    assert {tuple(row) for row in rows} == {COLUMNS} and len(rows) == 6
    labels = first.task.test[1]
    for run, alpha in ((first, 0), (other, 1)):
        inputs = run.task.normalise(run.task.test[0].pixels)
        expected = torch.nn.functional.cross_entropy(run.network()(inputs), labels).item()
        found = [row["loss"] for row in rows if row["alpha"] == alpha]
        assert found == pytest.approx([expected] * 2, rel=1e-4)
    copied = shutil.copytree(first.folder, tmp_path / "seed=9")
    save_file(renumbered(first.network(), 3), copied / FINAL_NETWORK)
    facts = {key: value for key, value in read_facts(copied).items() if key != CHECKSUM}
    for key, of_file in ((SHA256, sha256_of), (XXH3, xxh3_of)):
        facts[key][FINAL_NETWORK] = of_file(copied / FINAL_NETWORK)
    write_json(copied / RUN_FILE, signed({**facts, "seed": 9}))
    rows = list(rows_of_runs([first, opened(copied)], 3))
    lost = [row["loss"] for row in rows if row["matched"]]
    assert lost == pytest.approx([lost[0]] * 3, rel=1e-4)
    assert [row["other"] for row in rows] == [9] * 6
    options = ["--runs", first.folder, copied, "--dataset", tmp_path / "dataset", "--points", 3]
    run_program("measure_barrier", *options, "--output", tmp_path / "barrier.csv")
    table = read_table(tmp_path / "barrier.csv")
    assert table["loss"].tolist() == pytest.approx([row["loss"] for row in rows], rel=1e-4)
    figure = draw({"barrier": [table]}, ["LeNet, shades"])
    assert len(figure.axes[0].lines) == 2
    with pytest.raises(InputError, match="one run is given"):
        list(rows_of_runs([first], 3))
