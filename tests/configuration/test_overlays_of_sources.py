"""Configuration files over each other: another source of a data set begins its entry anew."""

import json
import re

import yaml
from conftest import SMOKE
from hypothesis import given
from hypothesis import strategies as st

from anatomy.configuration.files import laid_over
from anatomy.runtime.schema import merge

NAMES, KEYS = st.sampled_from("ab"), st.sampled_from(["train", "label", "path"])
ENTRIES = st.dictionaries(KEYS, st.integers()) | st.none()
SECTIONS = st.dictionaries(NAMES, ENTRIES, max_size=2)
SOURCES = st.sampled_from([{}, {"source": "x"}, {"source": "y"}])


@given(SECTIONS, SECTIONS, SOURCES, SOURCES)
def test_only_a_data_set_whose_source_changes_is_replaced(base, own, before, after):
    def with_source(section, source):
        return {name: entry and {**entry, **source} for name, entry in section.items()}

    old, new = {"datasets": with_source(base, before)}, {"datasets": with_source(own, after)}
    found = laid_over(old, new)["datasets"]
    for name, entry in merge(old, new)["datasets"].items():
        one, two = (section["datasets"].get(name) for section in (old, new))
        changes = bool(one and two) and "source" in two and one.get("source") != two["source"]
        assert found[name] == (two if changes else entry)


def test_no_other_section_is_replaced():
    old = {"figures": {"a": {"source": "x", "train": 1}}, "datasets": None}
    new = {"figures": {"a": {"source": "y"}}, "datasets": {"a": {"source": "y"}}}
    assert laid_over(old, new) == {
        "figures": {"a": {"source": "y", "train": 1}},
        "datasets": {"a": {"source": "y"}},
    }


def test_each_file_of_the_command_line_counts_by_itself(checkout):
    """The second changes the source of what the first has, and --config a key of that."""
    checkout.configure(SMOKE)
    (checkout.folder / "data").mkdir()
    (checkout.folder / "data/mine.tar").write_bytes(b"")
    official = {"source": "torchvision", "official": "CIFAR10", "per_class": {"train": 5}, "label": "theirs"}
    for number, entry in enumerate([official, {"source": "folder", "path": "mine.tar"}]):
        (checkout.folder / f"{number}.yaml").write_text(yaml.safe_dump({"datasets": {"digits-rgb": entry}}))
    printed = checkout.snakemake(
        *("--dry-run", "--printshellcmds", "--configfile", "0.yaml", "1.yaml"),
        *(
            "--config",
            "datasets={digits-rgb: {encoding: copies}}",
            "--",
            "results/datasets/digits-rgb/dataset.json",
        ),
    ).stdout
    [settings] = re.findall(r"--settings '(.*?)' --schema", printed)
    assert json.loads(settings) == {"source": "folder", "path": "mine.tar", "encoding": "copies"}
