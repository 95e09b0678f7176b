"""The door to a finished run: what its run.json says, its final network, and the one that it began with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from anatomy.networks.build import build_network
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream
from anatomy.training.facts import read_facts


def trained_network(run: Path, description: Mapping[str, Any]) -> tuple[nn.Module, dict[str, Any]]:
    """Return the final network of a run directory, and its facts.

    `InputError` unless the data set of `description` is the one that it was trained on, as it is.
    """
    facts = read_facts(run)
    # What the options of the authors' train.py make of a data set; runs of the pipeline have neither setting.
    for key in ("upscaling", "subsample_classes"):
        if value := facts["settings"].get(key):
            raise InputError(
                f"{run} was trained with {key} {value}, --run sees the data set as it is; measure it by "
                f"hp_arrangements/reinit_layers.py with --load-from {run / 'final.safetensors'}, --arch and "
                "the same options of the data set"
            )
    if description["sha256"] != facts["dataset_sha256"]:
        raise InputError(
            f"data set {description['name']} is not the one that {run} was trained on; "
            f"expected {facts['dataset']}"
        )
    network = initial_network(facts, description)
    network.load_state_dict(load_file(run / "final.safetensors"))
    return network, facts


def new_network(
    settings: Mapping[str, Any], description: Mapping[str, Any], generator: torch.Generator
) -> nn.Module:
    """Return an initialised network for a data set.

    `settings` has `architecture`, `width` and `initialisation`; `description` has `classes`, `channels`,
    `height` and `width` of the data set.
    """
    return build_network(
        settings["architecture"],
        len(description["classes"]),
        description["channels"],
        settings["width"],
        generator,
        settings["initialisation"],
        (description["height"], description["width"]),
    )


def initial_network(facts: Mapping[str, Any], description: Mapping[str, Any]) -> nn.Module:
    """Return the network of a run at epoch 0, from its facts."""
    return new_network(facts["settings"], description, stream(facts["seed"], "initialisation"))
