"""Environment variables: the names of this project, and what is said of those that it had before."""

import pytest

from anatomy.runtime.environment import variable
from anatomy.runtime.errors import InputError


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    for name in ("ANATOMY_DATA", "HYPERPLANES_DATA"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("value", ["one:two", ""])
def test_a_variable_is_what_it_is_set_to_whatever_the_old_one_says(value, monkeypatch):
    assert variable("DATA") is None
    monkeypatch.setenv("ANATOMY_DATA", value)
    assert variable("DATA") == value
    monkeypatch.setenv("HYPERPLANES_DATA", "three")
    assert variable("DATA") == value


def test_the_old_variable_alone_is_refused_in_one_line(monkeypatch):
    monkeypatch.setenv("HYPERPLANES_DATA", "one")
    with pytest.raises(InputError) as caught:
        variable("DATA")
    assert str(caught.value) == (
        "HYPERPLANES_DATA is set but ANATOMY_DATA is not; it was renamed, set ANATOMY_DATA"
    )
