"""Emulated amoCRM over real HTTP, built from the vendor's documentation, for tests and demos of any client.

All data are simulated. It imports neither this project's code nor anything beyond Python's standard library.
"""

from emulator.clock import Clock
from emulator.limits import RateLimit
from emulator.quirks import Quirks
from emulator.server import Emulator
from emulator.simulation import Simulation
from emulator.world import World

__all__ = ["Clock", "Emulator", "Quirks", "RateLimit", "Simulation", "World"]
