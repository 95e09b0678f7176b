"""Data sets have the keys of their source: a file among the sources, and a definition of its name."""

import jsonschema
import pytest
import yaml
from conftest import SCHEMA_FILE

from anatomy.runtime import named, schema
from anatomy.runtime.errors import InputError

LATTICE = {"type": "object", "additionalProperties": False, "properties": {"source": {}, "dimensions": {}}}


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A schema of the engine alone, for a library that has a further source."""

    def names(package):
        found = named.names_in(package)
        return [*found, "lattice"] if package == "anatomy.data.sources" else found

    monkeypatch.setattr(schema, "names_in", names)
    path = tmp_path / "config.schema.yaml"
    path.write_text(SCHEMA_FILE.read_text())
    return path


def test_a_source_without_keys_is_refused(path):
    with pytest.raises(InputError, match=rf"^data source lattice has no keys; add \$defs.lattice to {path}$"):
        schema.read_schemas(path)


def test_a_source_has_the_keys_of_its_definition(path):
    content = yaml.safe_load(path.read_text())
    content["$defs"]["lattice"] = LATTICE
    path.write_text(yaml.safe_dump(content))
    whole = schema.read_schemas(path)
    dataset = {"$defs": whole["$defs"], "$ref": "#/$defs/dataset"}

    def right(**entry):
        return jsonschema.Draft202012Validator(dataset).is_valid(entry)

    assert right(source="lattice", dimensions=2)
    assert not right(source="lattice", official="MNIST")
    assert right(source="torchvision", official="MNIST")
    assert not right(source="torchvision", official="MNIST", dimensions=2)
    assert right(source="mine:make", options={"dimensions": 2})
    assert not right(source="mine:make", dimensions=2)
    assert not right(source="point")
