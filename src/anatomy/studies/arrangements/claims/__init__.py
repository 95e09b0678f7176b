"""The paper's checkable sentences, each judged by numbers of the experiments of its figures.

A claim is one function: it takes the experiments of its figures from a `Case`, and returns a `Finding` at
a threshold. Its sentence, quantity, threshold and the reason for that stand in the decorator above it.
`reporting.claims` says when an interval supports a claim. `CLAIMS` and `EVIDENCE`, what they are judged
on, are what the program that judges claims looks for.
"""

from anatomy.reporting.claims import claims_of
from anatomy.studies.arrangements.claims import bias, criticality, dynamics
from anatomy.studies.arrangements.evidence import LayerEvidence

CLAIMS = claims_of(bias, criticality, dynamics)
EVIDENCE = LayerEvidence
