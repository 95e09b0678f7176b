"""Keys of a run that say which others there may be: kinds, `stop`, and snapshots in their two forms."""

import pytest
from configuration.configuration_examples import changed, refusal, resolved

from anatomy.runtime.settings import snapshot_epochs


@pytest.mark.parametrize(
    ("experiment", "message"),
    [
        (
            "schedule: {kind: cosine, every: 2}",
            "schedule.every: cosine does not take it; allowed: kind, warmup; null removes what is inherited",
        ),
        ("schedule: {kind: milestones}", "schedule.milestones is missing; milestones needs it"),
        ("loss: {kind: squared_error, smoothing: 0.1}", "loss.smoothing: squared_error does not take it"),
        (
            "stop: {train_accuracy: 1}",
            "snapshots: a run with `stop` may end before any epoch but 0; expected `snap",
        ),
        (
            "whole_snapshots: true",
            "whole_snapshots: there is no such key any more; write `snapshots: {weights: all}`",
        ),
        (
            "whole_snapshots: null",
            "whole_snapshots: there is no such key any more; write `snapshots: {weights: all}`",
        ),
        (
            "snapshots: {epochs: most}",
            "snapshots.epochs: 'most' is not allowed; expected `all` or a list of epochs",
        ),
        (
            "snapshots: {weight: all}",
            "snapshots.weight: unknown key; allowed: epochs, weights; did you mean weights?",
        ),
        ("snapshots: {epochs: [9]}", "snapshots: epoch 9 is past the end; allowed: 0 to 4 (epochs)"),
        ("trainable: []", "trainable: [] should be non-empty"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(experiment, message):
    assert f"experiments.plain.{message}" in refusal(changed(f"experiments: {{plain: {{{experiment}}}}}"))


def test_null_removes_an_inherited_key_that_another_kind_does_not_take():
    found = resolved("""
        defaults: {schedule: {every: 2, factor: 0.5}}
        experiments: {plain: {schedule: {kind: cosine, every: null, factor: null}}}
    """)
    assert found.experiments["plain"].schedule.stored() == {"kind": "cosine"}


@pytest.mark.parametrize(
    ("defaults", "own", "epochs", "weights"),
    [
        ("[1]", "{weights: all}", [0, 1, 4], "all"),
        ("{weights: all}", "[1]", [0, 1, 4], "all"),
        ("{epochs: [1], weights: all}", "{epochs: [2]}", [0, 2, 4], "all"),
        ("{epochs: [1], weights: all}", "all", [0, 1, 2, 3, 4], "all"),
        ("all", "{weights: convolutions}", [0, 1, 2, 3, 4], "convolutions"),
    ],
)
def test_snapshots_merge_whichever_form_they_are_written_in(defaults, own, epochs, weights):
    """By `defaults` and by `like`."""
    one = resolved(f"defaults: {{snapshots: {defaults}}}\nexperiments: {{plain: {{snapshots: {own}}}}}")
    other = resolved(f"""
        experiments:
          plain: {{snapshots: {defaults}}}
          child: {{like: plain, snapshots: {own}}}
    """)
    for settings in (one.experiments["plain"], other.experiments["child"]):
        assert snapshot_epochs(settings) == epochs
        assert settings.snapshots.weights == weights
