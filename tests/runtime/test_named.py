"""Modules that the configuration names: all of a folder, but private ones, and refused with what there is."""

import pytest

from anatomy.data import sources
from anatomy.networks.family import families
from anatomy.runtime import named
from anatomy.runtime.errors import InputError
from anatomy.runtime.named import module_in, names_in


def test_modules_of_a_folder_by_name(tmp_path, monkeypatch):
    folder = tmp_path / "anatomy" / "kinds"
    folder.mkdir(parents=True)
    for name in ("two.py", "one.py", "__init__.py", "_shared.py", "notes.txt"):
        (folder / name).touch()
    monkeypatch.setattr(named, "LIBRARY", tmp_path)
    assert names_in("anatomy.kinds") == ["one", "two"]
    assert module_in("anatomy.kinds", "two", "kind") == "anatomy.kinds.two"
    for name in ("_shared", "three"):
        with pytest.raises(InputError, match=f"^kind: '{name}' is not allowed; allowed: one, two, or more$"):
            module_in("anatomy.kinds", name, "kind", ", or more")


def test_those_of_the_library():
    assert names_in(sources.__name__) == [
        *("embedded", "folder", "images", "points", "tiny_imagenet", "torchvision")
    ]
    assert [family.name for family in families()] == names_in("anatomy.networks.families")
