"""Values that no schema of types refuses: without bound, without effect, or with what they do not go with."""

import itertools
import os
from functools import partial

import pytest
import yaml
from configuration_examples import SCHEMA, changed, refusal, resolved
from conftest import ROOT

from anatomy.configuration.files import read_configuration
from anatomy.configuration.resolve import resolve
from anatomy.data.sources.embedded import EMBEDDED, make_embedded
from anatomy.data.upscaling import UPSCALING
from anatomy.networks.build import network_shape
from anatomy.networks.catalogue import layout_of
from anatomy.networks.family import families
from anatomy.networks.layouts import geometry
from anatomy.runtime.errors import InputError
from anatomy.runtime.yaml_files import read_yaml

SCHEMAS = sorted((ROOT / "workflow" / "schemas").glob("*.yaml"))
TAIL = "a" + "-b" * 25

REFUSED = {
    "a list in only": ("only: [[plain]]", "only: ['plain'] is not an experiment"),
    "a mapping in only": ("only: [{plain: 1}]", "only: {'plain': 1} is not an experiment"),
    "more epochs than a machine counts": ("defaults: {epochs: 9223372036854775808}", "defaults.epochs: "),
    "more epochs than a float holds": (
        f"defaults: {{epochs: 0x{'f' * 300}}}",
        "defaults.epochs: an integer of 1200 bits is not a number that JSON has; expected one of at "
        "most 1.8e308",
    ),
    "an experiment to be like of more digits than Python shows": (
        f"experiments: {{plain: {{like: 0x{'f' * 5000}}}}}",
        "experiments.plain.like: an integer of 20000 bits is not a number",
    ),
    "a name of more digits than Python shows": (
        f"experiments:\n  ? 0x{'f' * 5000}\n  : {{dataset: digits}}",
        "experiments.a key: an integer of 20000 bits is not a number",
    ),
    "no number among options": (
        "experiments: {plain: {architecture: 'a:B', options: {rate: .nan}}}",
        "experiments.plain.options.rate: nan is not a number that JSON has",
    ),
    "a date among options": (
        "experiments: {plain: {architecture: 'a:B', options: {since: [2020-01-31]}}}",
        "experiments.plain.options.since.0: datetime.date(2020, 1, 31) is of type date, which JSON has not; "
        "write a text, between quotes, a number, a list or a mapping",
    ),
    "a date as key of options of a data set": (
        "datasets: {digits: {source: 'a:make', options: {2020-01-31: 1}, variant: null}}",
        "datasets.digits.options.a key: datetime.date(2020, 1, 31) is of type date",
    ),
    "bytes among options": (
        "experiments: {plain: {architecture: 'a:B', options: {image: !!binary aGk=}}}",
        "experiments.plain.options.image: b'hi' is of type bytes",
    ),
    "a set in pairs among options": (
        "experiments: {plain: {architecture: 'a:B', options: {image: !!pairs [a: !!set {b}]}}}",
        "experiments.plain.options.image.0.1: {'b'} is of type set",
    ),
    "more snapshots than files": (
        "defaults: {epochs: 1000000}",
        "experiments.plain.snapshots: 1000001 epochs are kept, a file each; list 10000 at most",
    ),
    "more threads than torch bears": ("defaults: {threads: 1000000}", "defaults.threads: 1000000"),
    "a long name": (f"experiments: {{{'x' * 101}: {{dataset: digits}}}}", "experiments: "),
    "a name with a repeated tail": (
        f"experiments: {{{TAIL}: {{dataset: digits}}}}",
        f"experiments.{TAIL}: ends in '-b', 20 times or more; rename it",
    ),
    "a data set with a repeated tail": (
        f"datasets: {{{'x' * 30}: {{source: embedded, variant: digits-rgb, train: 10, test: 10}}}}",
        "ends in 'x', 20 times or more",
    ),
    "braces in data": ("data: 'a{seed}'", "data: 'a{seed}' has {, which Snakemake takes for a wildcard"),
    "wrong labels of one class": (
        "defaults: {label_noise: {kind: wrong, fraction: 0.5}, class_subset: {count: 1}}",
        "experiments.plain.label_noise.kind: no label is wrong where there is one class",
    ),
    "AlexNet on small images": (
        "experiments: {plain: {architecture: alexnet}}",
        "experiments.plain.architecture: images of 32x32 px are too small for alexnet, which needs 63x63",
    ),
    "a VGG on small crops": (
        "datasets: {digits: {source: images, path: x, crop: 31, variant: null, train: null, test: null}}",
        "images of 31x31 px are too small for vgg11, which needs 32x32",
    ),
    "momentum of adam": (
        "defaults: {optimiser: {kind: adam, momentum: 0.5}}",
        "experiments.plain.optimiser.momentum: adam does not use it",
    ),
    "exact noise of no labels": (
        "defaults: {label_noise: {exact: true}}",
        "label_noise.exact: no label is replaced",
    ),
    "a seed of no noise": ("defaults: {label_noise: {seed: 3}}", "label_noise.seed: no label is replaced"),
    "statistics frozen past the end": (
        "defaults: {architecture: vgg11bn, batch_norm: {frozen_after: 4}}",
        "experiments.plain.batch_norm.frozen_after: 4 is past the end; allowed: 0 to 3",
    ),
    "a state that no run goes on from": (
        "defaults: {keep_state: true, schedule: {kind: cosine}}",
        "experiments.plain.keep_state: rates of cosine depend on the number of epochs",
    ),
    "a start with other shapes": (
        "experiments: {plain: {architecture: simple_conv, options: {filters: 8}}, "
        "later: {dataset: digits, architecture: simple_conv, start: {experiment: plain}}}",
        "experiments.later.options.filters: 32, but plain, from which it starts, has 8",
    ),
    "a class of a negative index": (
        "datasets: {digits: {classes: [-1]}}",
        "datasets.digits.classes.0: -1 is less than the minimum of 0",
    ),
}


@pytest.mark.parametrize(("changes", "said"), REFUSED.values(), ids=REFUSED)
def test_values_are_refused_before_any_job(changes, said):
    assert said in refusal(changed(changes))


ALLOWED = {
    "momentum that adam has not": "defaults: {optimiser: {kind: adam, momentum: 0}}",
    "statistics frozen in time": "defaults: {architecture: vgg11bn, batch_norm: {frozen_after: 3}}",
    "a state to go on from": "defaults: {keep_state: true, schedule: {kind: smooth}}",
    "a seed of noise": "defaults: {label_noise: {fraction: 0.1, seed: 3, exact: true}}",
    "AlexNet on enlarged images": "experiments: {plain: {architecture: alexnet, upscaling: plain}}",
    "a start with another activation": (
        "experiments: {plain: {architecture: fnn, arrangements: null, curvature: {}}, later: "
        "{dataset: digits, arrangements: null, curvature: {}, architecture: fnn, options: "
        "{activation: sigmoid}, start: {experiment: plain}}}"
    ),
    "a name with a short tail": f"experiments: {{{TAIL[:39]}: {{dataset: digits}}}}",
}


@pytest.mark.parametrize("changes", ALLOWED.values(), ids=ALLOWED)
def test_what_has_an_effect_is_allowed(changes):
    assert "plain" in resolved(changes).experiments


def parts(schema, path=()):
    """Every part of a schema with its path."""
    if isinstance(schema, dict):
        yield path, schema
        for key, inner in schema.items():
            yield from parts(inner, (*path, key))
    elif isinstance(schema, list):
        for index, inner in enumerate(schema):
            yield from parts(inner, (*path, index))


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_every_integer_of_the_schema_has_bounds(path):
    integers = 0
    for where, part in parts(yaml.safe_load(path.read_text())):
        if "integer" in (part.get("type") or ()):
            integers += 1
            assert part["minimum"] < part["maximum"] < 2**53, where
    assert integers


def test_every_integer_among_options_of_networks_has_bounds():
    options = [family.options for family in families() if family.options]
    for where, part in itertools.chain.from_iterable(map(parts, options)):
        assert part.get("type") != "integer" or part["minimum"] < part["maximum"], where


def test_sides_of_the_schema_are_those_of_the_images():
    run = SCHEMA["$defs"]["run"]["properties"]["upscaling"]["sides"]
    assert run == {kind: size + 2 * border for kind, (size, border) in UPSCALING.items()}
    variants = SCHEMA["$defs"]["embedded"]["properties"]["variant"]["sides"]
    assert variants == {name: make_embedded(name, 10, 10, 0)["test_images"].shape[-1] for name in EMBEDDED}


def shapes_of(layout, size):
    return geometry(layout, (3, *size), 1.0, 10)


@pytest.mark.parametrize(
    "family", [f for f in families() if f.least_side > 1], ids=lambda family: family.name
)
def test_least_side_is_the_smallest_that_a_network_takes(family):
    for name in family.names:
        layout, sides = layout_of(name), (family.least_side, family.least_side - 1)
        take = partial(network_shape, name, 10, 3, 1.0) if layout is None else partial(shapes_of, layout)
        take((sides[0], sides[0]))
        with pytest.raises(InputError, match="too small"):
            take((sides[1], sides[1]))


def test_hundred_thousand_seeds_are_looked_at_in_no_time():
    config = changed("{}")
    config["defaults"]["seeds"] = [*range(100_000), 7]
    assert "experiments.plain.seeds: 7 is listed twice" in refusal(config)


# --- YAML ---


def endless():
    config = {"experiments": {}}
    config["experiments"]["plain"] = {"options": config}
    return config


def doubling():
    values = ["x"]
    for _ in range(30):
        values = [values, values]
    return {"experiments": {"plain": {"options": {"a": values}}}}


@pytest.mark.parametrize(
    ("make", "said"), [(endless, "nested more than"), (doubling, "more than 200000 values")]
)
def test_what_refers_to_itself_or_repeats_without_end_is_refused(make, said):
    with pytest.raises(InputError, match=said):
        resolve(make(), SCHEMA)


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "a"),
        ("experiments:\n  x: {epochs: 1}\n  x: {epochs: 2}\n", 3, "x"),
        ("a:\n- {b: 1,\n   b: 2}\n", 3, "b"),
        ("{&a epochs: 1, *a : 7}", 1, "epochs"),
        ("a: {&b b: 1}\nc: {*b : 1,\n  b: 2}\n", 3, "b"),
        ("{? &a {b: 1, b: 2} : 1}", 1, "b"),
    ],
)
def test_a_key_that_is_there_twice_is_refused(text, line, key, tmp_path):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(InputError, match=rf"x.yaml, line {line}: {key} is there twice; remove one of them"):
        read_configuration(ROOT, [tmp_path / "x.yaml"])


def test_one_key_in_several_mappings_is_no_matter(tmp_path):
    (tmp_path / "x.yaml").write_text("a: &a {b: 1}\nc: {b: 1, d: *a, e: *a}\nf: &f [*f]\n")
    content = read_yaml(tmp_path / "x.yaml")
    assert content["c"] == {"b": 1, "d": {"b": 1}, "e": {"b": 1}}


@pytest.mark.parametrize("content", [b"[" * 100_000, b"{a: " * 200])
def test_a_file_of_any_depth_is_refused(content, tmp_path):
    (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.yaml is nested more than 100 deep"):
        read_configuration(ROOT, [tmp_path / "x.yaml"])


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: [1", b"\x00", b"a: b: c"])
def test_a_file_that_is_no_yaml_is_named(content, tmp_path):
    (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.yaml is no YAML: "):
        read_configuration(ROOT, [tmp_path / "x.yaml"])


@pytest.mark.parametrize("value", ['!!bool "abc"', '!!timestamp "abc"', '!!int ""', '!!float ""', "!!int 0x"])
def test_a_value_that_is_not_of_its_tag_is_refused_in_one_line(value, tmp_path):
    (tmp_path / "x.yaml").write_text(f"a: {value}")
    with pytest.raises(InputError, match=r"^\S*x\.yaml is no YAML: .+$"):
        read_configuration(ROOT, [tmp_path / "x.yaml"])


def merging(levels):
    """Mappings each of which merges the one before it ten times."""
    lines = ["a0: &a0 {k: 1}"]
    lines += [f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 10)}]}}" for level in levels]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "line"),
    [(merging(range(1, 9)), 7), ("a: &a {k: 1, <<: *a}", 1), ("b: 1\na: &a\n  <<:\n    <<: *a\n", 2)],
    ids=["tenfold", "itself", "itself in another"],
)
def test_merges_without_bound_are_refused(text, line, tmp_path):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(InputError, match=rf"x\.yaml, line {line}: with what it merges \(<<\) there are more"):
        read_configuration(ROOT, [tmp_path / "x.yaml"])


def test_merges_within_bounds_are_read(tmp_path):
    (tmp_path / "x.yaml").write_text(merging(range(1, 5)) + "\nb: {<<: *a4, k: 2, '<<x': 3}\n")
    content = read_yaml(tmp_path / "x.yaml")
    assert (content["a4"], content["b"]) == ({"k": 1}, {"k": 2, "<<x": 3})


def test_what_is_no_regular_file_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    for name, kind in {"pipe.yaml": "pipe", "zero.yaml": "device", ".": "directory"}.items():
        with pytest.raises(InputError, match=f"is a {kind}; expected a regular file"):
            read_configuration(ROOT, [tmp_path / name])
