"""What `import anatomy` offers: names of the studies, imported when they are asked for."""

import subprocess
import sys

import pytest
from conftest import environment

import anatomy
from anatomy.studies.arrangements import any_network, api


@pytest.mark.parametrize("use", ["", "; dir(anatomy)", "; hasattr(anatomy, 'nothing')"])
def test_importing_the_library_imports_nothing_heavy(use):
    program = f"import sys, anatomy{use}; "
    program += "sys.exit(any(m in sys.modules for m in ('numpy', 'pandas', 'torch')))"
    assert subprocess.run([sys.executable, "-c", program], env=environment()).returncode == 0


@pytest.mark.parametrize("ways", ["from anatomy import distances", "import anatomy; anatomy.distances"])
def test_what_a_study_offers_is_found_first_of_all(ways):
    assert subprocess.run([sys.executable, "-c", ways], env=environment()).returncode == 0


def test_the_offers_of_a_study_are_those_of_the_library():
    for name in api.OFFERS:
        assert getattr(anatomy, name) is getattr(api, name) is getattr(any_network, name)
        assert name in dir(anatomy)


def test_other_names_are_refused_and_the_known_ones_named():
    assert not hasattr(anatomy, "nothing")
    with pytest.raises(AttributeError, match=r"'nothing'; studies offer .*distances.*projections.*summarise"):
        anatomy.nothing  # noqa: B018
    with pytest.raises(AttributeError, match=r"api' has no attribute 'nothing'"):
        api.nothing  # noqa: B018
