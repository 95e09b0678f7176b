"""What a call of Snakemake has refused it does not compute again; the next call does."""

from conftest import SETTINGS
from training_program import refusal, train

from anatomy.runtime.locks import locked
from anatomy.training.refusals import REFUSAL_FILE


def test_a_loss_that_is_no_number_costs_one_training_of_a_call(tmp_path, dataset_folder, monkeypatch):
    diverging = {"optimiser": {"learning_rate": 1e30}}
    run = tmp_path / "run"
    monkeypatch.setenv("ANATOMY_CALL", "first")
    lines = refusal(run, dataset_folder, **diverging).splitlines()
    assert lines[0].startswith("epoch 0/")
    assert lines[-1].startswith("error: the training loss is nan in epoch 1")
    assert refusal(run, dataset_folder, **diverging).splitlines() == lines[-1:]
    monkeypatch.setenv("ANATOMY_CALL", "second")
    assert len(refusal(run, dataset_folder, **diverging).splitlines()) == len(lines)
    # Corrected, and called again.
    monkeypatch.setenv("ANATOMY_CALL", "third")
    assert f"epoch {SETTINGS['epochs']}/" in train(run, dataset_folder)
    assert not (run / REFUSAL_FILE).exists()


def test_a_run_that_another_is_training_is_tried_again(tmp_path, dataset_folder, monkeypatch):
    monkeypatch.setenv("ANATOMY_CALL", "first")
    with locked(tmp_path / "run"):
        assert "is being trained by another process" in refusal(tmp_path / "run", dataset_folder)
    train(tmp_path / "run", dataset_folder)


def test_without_a_call_nothing_is_remembered(tmp_path, dataset_folder, monkeypatch):
    monkeypatch.delenv("ANATOMY_CALL", raising=False)
    refusal(tmp_path / "run", dataset_folder, architecture="no_such_family")
    assert not (tmp_path / "run" / REFUSAL_FILE).exists()
