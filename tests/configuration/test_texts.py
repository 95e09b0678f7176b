"""Texts that a path, a shell or the page of the report could not hold are refused; others are taken as is."""

import pytest
import yaml
from configuration_examples import EVERY_KEY, SCHEMA, changed, refusal, resolved
from hypothesis import given, settings
from hypothesis import strategies as st

from anatomy.configuration.resolve import resolve


@pytest.mark.parametrize("char", ["\n", "\t", "\0", "\x1b", "\x85", "\u2028", "\u2029", "\ud800"])
def test_control_characters_are_refused_with_the_key(char):
    config = changed("{}")
    config["datasets"]["digits"]["label"] = f"two{char}words"
    message = refusal(config)
    assert message.startswith("configuration: datasets.digits.label: 'two")
    assert f"control character {char!r}; remove it" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "end"), [("</script>", "</script"), ("a</SCRIPT ", "</SCRIPT"), ("<!-- x", "<!--")]
)
@pytest.mark.parametrize(
    ("key", "config"),
    [
        ("datasets.digits.label", "datasets: {digits: {label: TEXT}}"),
        ("data", "data: TEXT"),
        (
            "experiments.plain.options.a.0",
            "experiments: {plain: {architecture: 'a:B', options: {a: [TEXT]}}}",
        ),
        (
            "studies.arrangements.pretrained.x.label",
            "studies: {arrangements: {pretrained: {x: {label: TEXT}}}}",
        ),
    ],
)
def test_ends_of_scripts_are_refused_with_the_key(key, config, text, end):
    message = refusal(changed(config.replace("TEXT", repr(text))))
    assert f"configuration: {key}: {text!r} has {end}, at which the page" in message


def test_keys_are_texts_as_well():
    config = changed("experiments: {plain: {architecture: 'a:B', options: {'</script>': 1}}}")
    assert "experiments.plain.options.a key: '</script>' has </script" in refusal(config)


def test_code_of_ones_own_may_be_given_several_lines():
    options = resolved(
        "experiments: {plain: {architecture: 'a:B', options: {text: \"a\\n\\tb\"}}}"
    ).experiments["plain"]
    assert options.options == {"text": "a\n\tb"}


@pytest.mark.parametrize("label", ["*", "|x|_", ".. include:: /etc/hostname", "<script>", "a < b", "é²", "`"])
def test_innocent_texts_are_labels(label):
    config = changed("{}")
    config["datasets"]["digits"]["label"] = label
    assert resolve(config, SCHEMA).datasets["digits"].label == label


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ("a{seed}", "has {, which Snakemake takes for a wildcard or a variable"),
        ("a}", "has }, which Snakemake"),
        ("a<logs>", "has <, which Snakemake"),
        ("-r", "would be read as an option by programs; write ./-r"),
        ("~/r", "is no home directory here; write the whole path, or ./~/r"),
        ("a\nb", "has the control character '\\n'"),
    ],
)
def test_directories_of_results_that_cannot_be_used_are_refused(results, said):
    config = changed("{}")
    config["pathvars"] = {"results": results}
    assert f"configuration: pathvars.results: {results!r} {said}" in refusal(config)


@pytest.mark.parametrize("results", ["re s", "a;b&c|d>e", "*?[a]#", "./-r", "é ü", "/a b", "../r"])
def test_other_directories_of_results_are_taken_as_they_are(results):
    config = changed("{}")
    config["pathvars"] = {"results": results}
    assert resolve(config, SCHEMA).pathvars["results"] == results


@settings(deadline=None, max_examples=50)
@given(st.text().filter(lambda text: text.isprintable() and "<" not in text))
def test_every_printable_text_without_a_tag_is_a_label(text):
    config = yaml.safe_load(EVERY_KEY)
    config["datasets"]["digits"]["label"] = text
    assert resolve(config, SCHEMA).datasets["digits"].label == text
