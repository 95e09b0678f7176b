"""The paper's checkable sentences, each judged by numbers of the experiments of its figures.

A claim is one function: it takes the experiments of its figures from a `Case` and returns a `Finding`.
Its sentence, quantity, threshold and the reason for the threshold stand in the decorator above it.
`reporting.claims` says when an interval supports a claim.
"""

from anatomy.reporting.claims import claims_of
from anatomy.studies.arrangements.claims import bias, criticality, dynamics

CLAIMS = claims_of(bias, criticality, dynamics)
