"""Fault list: each known failure, its required outcome, and a verdict.

Not part of the wheel. Play it with ``faults.run(cases())`` or ``./run faults``.
"""

from faults.cases import cases
from faults.runner import run
from faults.scorecard import Scorecard

__all__ = ["Scorecard", "cases", "run"]
