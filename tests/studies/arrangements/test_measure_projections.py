"""The program that measures snapshots: one JSON for each, none of them twice."""

import subprocess
import sys

from conftest import SCRIPTS, environment


def test_results_of_one_name_are_refused(tmp_path):
    command = [sys.executable, str(SCRIPTS / "measure_projections.py")]
    command += ["--snapshots", "a/lenet_3.tar", "b/lenet_3.tar", "--output", "out"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment())
    assert result.returncode == 1
    assert "a/lenet_3.tar and b/lenet_3.tar would both be written to out/lenet_3.json" in result.stderr
    assert not list(tmp_path.iterdir())
