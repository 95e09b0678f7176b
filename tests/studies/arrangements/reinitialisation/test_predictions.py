"""Predictions that outlive their job."""

import resource

import pytest
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


@pytest.mark.parametrize("line", range(1, 5))
@pytest.mark.parametrize("damage", ["lost", "twice", "flipped", "swapped"])
def test_what_follows_a_damaged_record_is_predicted_again(tmp_path, line, damage):
    """A line that is whole by itself, and not in its place, would change a cell."""
    keys = [("a", "0"), ("b", "0"), TRAINED, ("a", "0")]
    right = torch.tensor([True, False, True, True, False, True, True, False]).numpy()
    predictions = Predictions(tmp_path, "fingerprint")
    for index, key in enumerate(keys):
        predictions.add(8 * (index // 3), key, right)
    predictions.close()
    path = tmp_path / PREDICTIONS_FILE
    lines = path.read_bytes().splitlines(keepends=True)
    changed = list(lines)
    match damage:
        case "lost":
            del changed[line]
        case "twice":
            changed.insert(line, changed[line])
        case "flipped":
            changed[line] = changed[line].replace(b'"right": "b6"', b'"right": "b7"')
        case "swapped":
            other = line + 1 if line < 4 else line - 1
            changed[line], changed[other] = changed[other], changed[line]
    assert changed != lines
    path.write_bytes(b"".join(changed))
    again = Predictions(tmp_path, "fingerprint")
    # Doubled, the first of both is right; of two that are swapped both are not.
    kept = {"twice": line, "swapped": min(line, 3) - 1}.get(damage, line - 1)
    found = [again.has(8 * (index // 3), key) for index, key in enumerate(keys)]
    assert found == [index < kept for index in range(4)]
    again.close()
    assert path.read_bytes() == b"".join(lines[: kept + 1])


def test_a_full_disk_is_named_and_what_was_predicted_stays(tmp_path):
    right = torch.tensor([True, False, True]).numpy()
    predictions = Predictions(tmp_path, "fingerprint")
    predictions.add(0, TRAINED, right)
    path = tmp_path / PREDICTIONS_FILE
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as raised:
            predictions.add(3, TRAINED, right)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert raised.value.filename == str(path)
    predictions.close()
    assert Predictions(tmp_path, "fingerprint").images == 3
