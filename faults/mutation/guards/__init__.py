"""The list, a module for each part of the program. To add a guard, add an entry to one of them."""

from typing import Final

from faults.mutation.guards.access import ACCESS
from faults.mutation.guards.asking import ASKING
from faults.mutation.guards.database import DATABASE
from faults.mutation.guards.extracting import EXTRACTING
from faults.mutation.guards.fleets import FLEETS
from faults.mutation.guards.meaning import MEANING
from faults.mutation.guards.reading import READING
from faults.mutation.guards.recalled import RECALLED
from faults.mutation.guards.roles import ROLES
from faults.mutation.guards.storing import STORING
from faults.mutation.guards.telling import TELLING
from faults.mutation.guards.unread import UNREAD
from faults.mutation.guards.wire import WIRE
from faults.mutation.guards.writing import WRITING
from faults.mutation.mutant import Mutant

GUARDS: Final[tuple[Mutant, ...]] = (
    *WIRE,
    *MEANING,
    *ASKING,
    *READING,
    *EXTRACTING,
    *UNREAD,
    *RECALLED,
    *STORING,
    *DATABASE,
    *WRITING,
    *ACCESS,
    *ROLES,
    *TELLING,
    *FLEETS,
)
