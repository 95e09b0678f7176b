"""The program that measures snapshots: one JSON for each, none of them twice."""

from conftest import SCRIPTS, run


def test_results_of_one_name_are_refused(tmp_path):
    options = ["--snapshots", "a/lenet_3.tar", "b/lenet_3.tar", "--output", "out"]
    result = run(SCRIPTS / "measure_projections.py", *options, folder=tmp_path)
    assert result.returncode == 1
    assert "a/lenet_3.tar and b/lenet_3.tar would both be written to out/lenet_3.json" in result.stderr
    assert not list(tmp_path.iterdir())
