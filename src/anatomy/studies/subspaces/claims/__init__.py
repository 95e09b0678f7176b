"""The paper's checkable sentences, each judged by numbers of the experiments of its figures.

A claim is one function; `reporting.claims` says when an interval supports it. `CLAIMS` and `EVIDENCE`, what
they are judged on, are what the program that judges claims looks for.
"""

from anatomy.reporting.claims import claims_of
from anatomy.studies.subspaces.claims import accuracy, ends, robustness
from anatomy.studies.subspaces.evidence import SubspaceEvidence

CLAIMS = claims_of(accuracy, robustness, ends)
EVIDENCE = SubspaceEvidence
