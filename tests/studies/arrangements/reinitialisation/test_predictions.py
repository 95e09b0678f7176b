"""Predictions that outlive their job."""

import torch

from anatomy.studies.arrangements.reinitialisation.predictions import PREDICTIONS_FILE, TRAINED, Predictions


def test_predictions_continue_after_the_last_whole_line(tmp_path):
    right = torch.tensor([True, False, True]).numpy()
    predictions = Predictions(tmp_path, "fingerprint")
    predictions.add(0, ("a", "0"), right)
    predictions.add(0, TRAINED, ~right)
    predictions.add(3, ("a", "0"), right)
    predictions.close()
    path = tmp_path / PREDICTIONS_FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    predictions = Predictions(tmp_path, "fingerprint")
    assert predictions.images == 3
    assert predictions.has(0, ("a", "0"))
    assert not predictions.has(3, ("a", "0"))
    predictions.add(3, ("a", "0"), right)
    predictions.add(3, TRAINED, right)
    predictions.close()
    again = Predictions(tmp_path, "fingerprint")
    assert again.images == 6
    assert again.correct(("a", "0")) == 4
    assert again.lost_and_gained(("a", "0")) == (1, 2)
    assert path.read_bytes().startswith(whole)
    assert Predictions(tmp_path, "other").images == 0
