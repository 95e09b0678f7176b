"""What programs that tabulate measurements of any study are held to, and those that read their tables."""

import pytest
from conftest import SCRIPTS, run

from anatomy.reporting.grids import read_known
from anatomy.reporting.tables import write_table
from anatomy.runtime.errors import InputError


def assert_given_once(program, path, output):
    """Assert that a program refuses one measurement for two seeds, and writes nothing."""
    result = run(SCRIPTS / program, "--measurements", path, path, "--output", output)
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {path} and {path} are both of experiment ")
    assert not output.exists()


def assert_lost_rows_are_missed(tables, study, name, folder):
    """Assert that all tables of a directory are read, and not the table `name` without its last row."""
    found = {path.stem: read_known(path, study) for path in tables.glob("*.csv")}
    cut = folder / f"{name}.csv"
    write_table(found[name][:-1], cut)
    with pytest.raises(InputError, match=rf"{name}\.csv has .*: it is cut off or damaged; delete it"):
        read_known(cut, study)
