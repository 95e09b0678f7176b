"""The benchmark of the page to explore: a small page is drawn, and the table has what it was asked for."""

import subprocess
import sys

from browsing import needs_browser
from conftest import ROOT, environment


@needs_browser
def test_the_page_is_drawn_in_a_browser_and_measured():
    command = [sys.executable, ROOT / "benchmarks/run.py", "--quick", "--only", "explorer"]
    result = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=ROOT)
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stdout.splitlines() if line.startswith("| explore.html of 2 runs")]
    drawn, slider, size = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    assert drawn[1] == "at most 3 s" and 0.01 < float(drawn[2].removesuffix(" s")) < 20
    assert slider[1] == "at most 0.1 s" and 0 < float(slider[2].removesuffix(" s")) < 5
    # The drawing library alone is larger than half a MiB.
    assert size[1] == "at most 15 MiB" and 0.5 < float(size[2].removesuffix(" MiB")) < 2
