"""The fault list as a scorecard: everything that goes wrong, each with what must be true then, and whether it is.

Not part of the wheel. ``faults.run(cases())`` plays it, ``./run faults`` does so from a terminal.
"""

from faults.cases import cases
from faults.runner import run
from faults.scorecard import Scorecard

__all__ = ["Scorecard", "cases", "run"]
