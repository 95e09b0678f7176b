"""Points of a run recalibrated and evaluated, against plain torch and what must hold of them."""

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import RUN_SCHEMA, SCRIPTS, run_program
from conftest import run as run_forked_program
from studies.subspaces.subspace_runs import finished_run, opened

from anatomy.networks.batch_norm import normalisations
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream
from anatomy.studies.subspaces.of_run import (
    Asked,
    evaluate_run,
    points_of_run,
    run_identity,
    subspace_of,
)
from anatomy.studies.subspaces.points import points_of
from anatomy.studies.subspaces.predicting import predict_test
from anatomy.studies.subspaces.recalibration import (
    RecalibratedPoints,
    recalibrated,
    training_batches,
    write_points,
)
from anatomy.training.trained import open_run

LINE = {"kind": "line"}


def points_file(run, path, augmented=False, count=5):
    """Recalibrate points of an open run and write them."""
    subspace = subspace_of(run)
    random = stream(run.seed, "random points")
    points = points_of(subspace.kind, len(subspace.corners), subspace.rows, count, 2, random)
    statistics = recalibrated(subspace, points, lambda: training_batches(run.task, augmented))
    write_points(path, points, statistics, run_identity(run))
    return path


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """A run that has trained a line, its points, and the table of their evaluations."""
    folder = tmp_path_factory.mktemp("line")
    run = opened(finished_run(folder, subspace=LINE))
    path = points_file(run, folder / "points.safetensors")
    rows, network = evaluate_run(run, path)
    return run, path, pd.DataFrame(rows), network


def row(table, evaluation, alpha, combined=None):
    found = table[(table["evaluation"] == evaluation) & (table["alpha"] == alpha)]
    found = found if combined is None else found[found["combined"] == combined]
    assert len(found) == 1
    return found.iloc[0]


def test_the_mid_point_is_the_network_of_the_run(line):
    run, _, table, network = line
    theirs = predict_test(run.network().to(memory_format=torch.channels_last), run.task)
    np.testing.assert_allclose(network.logits, theirs.logits, atol=1e-4)
    middle = row(table, "network", 0.5)
    labels = run.task.test[1].numpy()
    assert middle["accuracy"] == pytest.approx((theirs.logits.argmax(1) == labels).mean())


def test_a_point_is_that_of_plain_torch(line):
    """Weights interpolated by hand, statistics by torch's cumulative average, batch by batch."""
    run, _, table, _ = line
    ends, network = run.corners(), run.network()
    with torch.no_grad():
        for own, first, second in zip(network.parameters(), *(end.parameters() for end in ends), strict=True):
            own.copy_(0.75 * first + 0.25 * second)
        for layer in normalisations(network).values():
            layer.reset_running_stats()
            layer.momentum = None
        network.train()
        inputs = run.task.normalise(run.task.train[0].pixels)
        # 96 images in batches of 32: all are of one size.
        for batch in inputs.split(32):
            network(batch)
        network.eval()
        logits = network(run.task.normalise(run.task.test[0].pixels))
    labels = run.task.test[1]
    found = row(table, "point", 0.25)
    assert found["accuracy"] == pytest.approx((logits.argmax(1) == labels).float().mean().item())
    assert found["loss"] == pytest.approx(torch.nn.functional.cross_entropy(logits, labels).item(), rel=1e-4)


def test_an_ensemble_is_that_of_its_points(line):
    run, path, table, _ = line
    subspace, kept = subspace_of(run), RecalibratedPoints(path, run_identity(run))
    alphas = [point.alpha for point in kept.points]
    logits = [predict_test(kept.load(subspace, alphas.index(a)), run.task).logits for a in (0.25, 0.75)]
    labels = run.task.test[1].numpy()
    found = row(table, "pair", 0.25, "logits")
    assert found["accuracy"] == pytest.approx((sum(logits).argmax(1) == labels).mean())
    assert found["disagreement"] == pytest.approx((logits[0].argmax(1) != logits[1].argmax(1)).mean())
    p, q = (np.exp(x) / np.exp(x).sum(1, keepdims=True) for x in logits)
    assert found["total_variation"] == pytest.approx(np.abs(p - q).sum(1).mean() / 2, rel=1e-5)
    accuracy = row(table, "pair", 0.25, "probabilities")["accuracy"]
    assert accuracy == pytest.approx(((p + q).argmax(1) == labels).mean())


def test_every_alpha_is_evaluated_once_and_half_of_them_in_pairs(line):
    table = line[2]
    single = table[table["members"] == 1]
    assert sorted(single["alpha"]) == [0, 0.25, 0.5, 0.75, 1]
    assert sorted(table.loc[table["evaluation"] == "pair", "alpha"]) == [0, 0, 0.25, 0.25]
    assert (table["kind"] == "line").all() and (table["beta"] == 1).all()


def test_a_line_turned_round_is_mirrored(line, tmp_path):
    """Accuracy at alpha from one end is that at 1 - alpha from the other."""
    run = line[0]
    subspace = subspace_of(run)
    subspace._parts.reverse()
    points = points_of("line", 2, 1, 5, 0, stream(0, "random points"))
    statistics = recalibrated(subspace, points, lambda: training_batches(run.task, False))
    write_points(tmp_path / "turned.safetensors", points, statistics, run_identity(run))
    kept = RecalibratedPoints(tmp_path / "turned.safetensors", run_identity(run))
    for position, point in enumerate(kept.points):
        logits = predict_test(kept.load(subspace, position), run.task).logits
        accuracy = (logits.argmax(1) == run.task.test[1].numpy()).mean()
        single = line[2][line[2]["members"] == 1].set_index("alpha")["accuracy"]
        assert accuracy == pytest.approx(single[1 - point.alpha])


def test_statistics_are_those_of_each_point_and_weights_stay(line):
    run, path, *_ = line
    before = [parameter.clone() for corner in run.corners() for parameter in corner.parameters()]
    kept = RecalibratedPoints(path, run_identity(run))
    assert all(len(tensor) == 5 for tensor in kept.statistics.values())
    means = kept.statistics["bn1.running_mean"]
    assert len({tuple(row) for row in means.tolist()}) == 5
    after = [parameter for corner in run.corners() for parameter in corner.parameters()]
    assert all(map(torch.equal, before, after))


def test_augmented_images_give_other_statistics_and_the_same_twice(line, tmp_path):
    run, path, *_ = line
    plain = RecalibratedPoints(path, run_identity(run)).statistics
    first, second = (
        RecalibratedPoints(points_file(run, tmp_path / name, True), run_identity(run)).statistics
        for name in ("one", "two")
    )
    assert all(torch.equal(first[name], second[name]) for name in plain)
    assert not torch.equal(first["bn1.running_var"], plain["bn1.running_var"])


def test_a_point_that_was_not_recalibrated_is_refused(line, tmp_path):
    run, path, *_ = line
    with pytest.raises(
        InputError,
        match=r"were not recalibrated; run workflow/scripts/recalibrate_points\.py --run .*seed=0 --dataset",
    ):
        evaluate_run(run, None)
    kept = RecalibratedPoints(path, run_identity(run))
    assert kept.position(torch.tensor([[0.75, 0.25]], dtype=torch.float64)) == 2
    with pytest.raises(InputError, match=r"coefficients \(0\.9, 0\.1\) was not recalibrated"):
        kept.position(torch.tensor([[0.9, 0.1]], dtype=torch.float64))
    with pytest.raises(InputError, match="does not exist: no point was recalibrated"):
        RecalibratedPoints(tmp_path / "none.safetensors", {})
    with pytest.raises(InputError, match=r"has points of another run \(sha256\)"):
        RecalibratedPoints(path, {**run_identity(run), "sha256": "0"})


def test_simplexes_curves_and_networks_without_batch_norm(tmp_path):
    for index, (subspace, changes) in enumerate(
        [
            ({"kind": "bezier"}, {}),
            ({"kind": "simplex", "corners": 3}, {}),
            ({"kind": "simplex", "corners": 3, "layerwise": True}, {}),
            (LINE, {"architecture": "lenet", "width": 0.5}),
        ]
    ):
        folder = tmp_path / str(index)
        folder.mkdir()
        run = opened(finished_run(folder, subspace=subspace, **changes))
        rows, _ = evaluate_run(run, points_file(run, folder / "points"))
        table = pd.DataFrame(rows)
        if subspace["kind"] == "simplex":
            assert set(table["evaluation"]) == {"network", "corner", "random", "corners", "random points"}
        else:
            assert sorted(table.loc[table["members"] == 1, "alpha"]) == [0, 0.25, 0.5, 0.75, 1]


def test_averaged_snapshots_are_those_of_plain_torch(tmp_path):
    """SWA and a snapshot ensemble, against the mean of state dicts and the sum of logits."""
    run = opened(finished_run(tmp_path, epochs=2, snapshots={"weights": "all"}))
    subspace = subspace_of(run, [1, 2])
    points = points_of_run(run, subspace, Asked(5, 1, average=[1, 2]))
    statistics = recalibrated(subspace, points, lambda: training_batches(run.task, False))
    write_points(tmp_path / "points", points, statistics, run_identity(run))
    rows, network = evaluate_run(run, tmp_path / "points")
    table = pd.DataFrame(rows)
    assert table["evaluation"].tolist() == [
        *("network", "average", "snapshot", "snapshot", "snapshots", "snapshots", "random")
    ]
    assert table["index"].tolist()[2:4] == [1, 2] and (table["kind"] == "standard").all()
    inputs = run.task.normalise(run.task.train[0].pixels)
    labels = run.task.test[1]
    mean, first, last = run.network(), run.network(1), run.network(2)
    with torch.no_grad():
        for own, one, two in zip(mean.parameters(), first.parameters(), last.parameters(), strict=True):
            own.copy_((one + two) / 2)
        logits = []
        for each in (mean, first, last):
            for layer in normalisations(each).values():
                layer.reset_running_stats()
                layer.momentum = None
            each.train()
            for batch in inputs.split(32):
                each(batch)
            logits.append(each.eval()(run.task.normalise(run.task.test[0].pixels)))
    losses = [torch.nn.functional.cross_entropy(each, labels).item() for each in logits]
    assert table["loss"].tolist()[1:4] == pytest.approx(losses, rel=1e-3)
    together = ((logits[1] + logits[2]).argmax(1) == labels).float().mean().item()
    assert table[table["evaluation"] == "snapshots"].iloc[0]["accuracy"] == pytest.approx(together)
    # The network itself is as it was trained.
    np.testing.assert_allclose(network.logits, predict_test(run.network(), run.task).logits, atol=1e-4)
    with pytest.raises(
        InputError, match="trains no subspace; expected a run with the key `subspace`, or two"
    ):
        subspace_of(run, [2])


def test_the_programs_do_the_same(line, tmp_path):
    run, _, table, _ = line
    common = ["--run", run.folder, "--dataset", run.folder.parent / "dataset"]
    points = tmp_path / "points.safetensors"
    outputs = ["--table", tmp_path / "table.csv", "--predictions", tmp_path / "predictions.safetensors"]
    run_program("recalibrate_points", *common, "--points", 5, "--output", points)
    run_program("evaluate_points", *common, "--points", points, *outputs)
    written = pd.read_csv(tmp_path / "table.csv")
    pd.testing.assert_series_equal(written["accuracy"], table["accuracy"])
    refused = run_forked_program(SCRIPTS / "evaluate_points.py", *common, *outputs)
    assert refused.returncode and "were not recalibrated" in refused.stderr


@pytest.mark.parametrize(
    ("program", "options", "said"),
    [
        ("recalibrate_points", ("--points", 1), "expected an odd number from 3 to 10001"),
        ("recalibrate_points", ("--points", 4), "expected an odd number from 3 to 10001"),
        ("recalibrate_points", ("--endpoint", "nan"), "expected a number from 0 to 1"),
        ("recalibrate_points", ("--endpoint", "1e308"), "expected a number from 0 to 1"),
        ("recalibrate_points", ("--average", 1, 2, 1), "error: --average: 1 is there twice; give each once"),
        ("measure_barrier", ("--points", 10**12 + 1), "expected an odd number from 3 to 10001"),
        ("measure_barrier", ("--runs", "a", "b", "b/../a"), "/a is there twice; give each once"),
    ],
)
def test_points_that_cannot_be_evaluated_are_refused(tmp_path, program, options, said):
    given = ("--run", "a") if program == "recalibrate_points" else ("--runs", "a", "b")
    output = tmp_path / "out.safetensors"
    command = (*given, "--dataset", "dataset", "--output", output, *options)
    refused = run_forked_program(SCRIPTS / f"{program}.py", *command)
    assert refused.returncode and said in refused.stderr.splitlines()[-1]
    assert not output.exists()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_points_on_a_gpu_are_those_of_a_cpu(line, tmp_path):
    run, _, table, _ = line
    there = open_run(run.folder, run.folder.parent / "dataset", RUN_SCHEMA, "cuda")
    rows, _ = evaluate_run(there, points_file(there, tmp_path / "points"))
    np.testing.assert_allclose(pd.DataFrame(rows)["loss"], table["loss"], rtol=1e-3)


def test_a_plane_is_that_of_plain_torch(tmp_path):
    """Weights combined by hand, also outside of the triangle; distances as the coordinates say."""
    run = opened(finished_run(tmp_path, subspace={"kind": "bezier"}))
    subspace = subspace_of(run)
    points = points_of_run(run, subspace, Asked(3, 0, plane=2))
    statistics = recalibrated(subspace, points, lambda: training_batches(run.task, False))
    write_points(tmp_path / "points", points, statistics, run_identity(run))
    table = pd.DataFrame(evaluate_run(run, tmp_path / "points")[0])
    own = table[table["evaluation"] == "plane"]
    assert own["index"].tolist() == list(range(7)) and (own["members"] == 1).all()
    assert table.loc[table["evaluation"] != "plane", ["x", "y"]].isna().all(axis=None)
    flat = [torch.cat([p.detach().flatten() for p in corner.parameters()]) for corner in run.corners()]
    outside = [point for point in points if point.evaluation == "plane"][3]
    assert outside.coefficients.min() < 0
    there = sum(c * w for c, w in zip(outside.coefficients[0].float(), flat, strict=True))
    places = own[["x", "y"]].to_numpy()
    for index, corner in enumerate(flat):
        distance = np.linalg.norm(places[3] - places[index])
        assert distance == pytest.approx((there - corner).norm().item(), rel=1e-4)
    subspace.move(outside.coefficients)
    network = subspace.network
    weights = torch.cat([p.detach().flatten() for p in network.parameters()])
    torch.testing.assert_close(weights, there, rtol=1e-4, atol=1e-5)
    # At an end it is that of the curve.
    end = table[(table["evaluation"] == "point") & (table["alpha"] == 0)].iloc[0]
    assert own.iloc[0]["loss"] == pytest.approx(end["loss"], rel=1e-5)


def test_all_that_lies_between_snapshots_is_evaluated(tmp_path):
    run = opened(finished_run(tmp_path, epochs=2, snapshots={"weights": "all"}))
    subspace = subspace_of(run, [0, 1, 2])
    every = ["line", "endpoints", "layers", "weights", "swag"]
    points = points_of_run(run, subspace, Asked(3, 2, average=[0, 1, 2], between=every))
    statistics = recalibrated(subspace, points, lambda: training_batches(run.task, False))
    write_points(tmp_path / "points", points, statistics, run_identity(run))
    table = pd.DataFrame(evaluate_run(run, tmp_path / "points")[0])
    expected = {
        *("network", "average", "snapshot", "snapshots", "random", "random points", "point", "pair"),
        *("endpoint", "endpoints", "random by layer", "random points by layer", "random by weight"),
        *("random points by weight", "swag", "swag samples"),
    }
    assert set(table["evaluation"]) == expected
    # The ends of the line are the first and the last snapshot.
    snapshots = table[table["evaluation"] == "snapshot"].set_index("index")["loss"]
    line = table[table["evaluation"] == "point"].set_index("alpha")["loss"]
    assert line[[0.0, 1.0]].tolist() == pytest.approx(snapshots[[0, 2]].tolist(), rel=1e-5)
    # What is drawn is drawn alike when it is evaluated.
    kept = RecalibratedPoints(tmp_path / "points", run_identity(run))
    again = recalibrated(subspace, kept.points, lambda: training_batches(run.task, False))
    assert all(torch.equal(again[name], tensor) for name, tensor in kept.statistics.items())
