"""The command that sweeps the line between two runs."""

import pandas as pd
import pytest
from conftest import ROOT
from studies.subspaces.subspace_runs import finished_run, opened

from anatomy.__main__ import main
from anatomy.networks.batch_norm import recalibrate
from anatomy.studies.subspaces.predicting import predict_test


def test_the_line_between_two_seeds(tmp_path, capsys):
    runs = [finished_run(tmp_path, seed) for seed in (0, 1)]
    common = ["interpolate", *map(str, runs), "--dataset", str(tmp_path / "dataset")]
    with pytest.raises(SystemExit) as ended:
        main([*common, "--points", "3", "--project", str(ROOT), "--output", str(tmp_path / "table.csv")])
    assert ended.value.code == 0
    assert capsys.readouterr().out.split()[:2] == ["alpha", "accuracy"]
    table = pd.read_csv(tmp_path / "table.csv")
    single = table[table["members"] == 1].set_index("alpha")["accuracy"]
    assert sorted(single.index) == [0, 0.5, 1]
    # Ends are the networks of the runs, with statistics of plain images.
    for alpha, run in zip((0, 1), runs, strict=True):
        task, network = opened(run).task, opened(run).network()
        recalibrate(network, map(task.normalise, task.train[0].plain(32)))
        accuracy = (predict_test(network, task).logits.argmax(1) == task.test[1].numpy()).mean()
        assert single[alpha] == pytest.approx(accuracy)


def test_a_folder_that_is_not_the_project_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["interpolate", "a", "b", "--dataset", "c", "--project", str(tmp_path)])
    assert ended.value.code == 2
    assert "has no config.schema.yaml; give it with --project" in capsys.readouterr().err
