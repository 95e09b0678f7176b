"""Records of predictions that outlive their job."""

import torch

from anatomy.studies.arrangements.reinitialisation.predictions import RECORDS_FILE, TRAINED, Records


def test_records_continue_after_the_last_whole_line(tmp_path):
    right = torch.tensor([True, False, True]).numpy()
    records = Records(tmp_path, "mark")
    records.add(0, ("a", "0"), right)
    records.add(0, TRAINED, ~right)
    records.add(3, ("a", "0"), right)
    records.close()
    path = tmp_path / RECORDS_FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    records = Records(tmp_path, "mark")
    assert records.images == 3
    assert records.has(0, ("a", "0"))
    assert not records.has(3, ("a", "0"))
    records.add(3, ("a", "0"), right)
    records.add(3, TRAINED, right)
    records.close()
    again = Records(tmp_path, "mark")
    assert again.images == 6
    assert again.correct(("a", "0")) == 4
    assert again.lost_and_gained(("a", "0")) == (1, 2)
    assert path.read_bytes().startswith(whole)
    assert Records(tmp_path, "other").images == 0
