"""A small amoCRM over real HTTP that obeys the vendor's page: an independent witness for anyone's client.

All data are simulated. Imports nothing of this project but itself, and nothing beyond Python's standard library.
"""

from emulator.clock import Clock
from emulator.limits import RateLimit
from emulator.quirks import Quirks
from emulator.server import Emulator
from emulator.simulation import Simulation
from emulator.world import World

__all__ = ["Clock", "Emulator", "Quirks", "RateLimit", "Simulation", "World"]
