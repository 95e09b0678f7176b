"""Fingerprints: what decides a result, as one text, so that work goes on only if nothing has changed."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def fingerprint(content: Mapping[str, Any]) -> str:
    """Return a hash of everything that decides a result, e.g. the weights of a run."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
