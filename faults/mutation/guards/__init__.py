"""The list, a module for each part of the program. To add a guard, add an entry to one of them."""

from typing import Final

from faults.mutation.guards.asking import ASKING
from faults.mutation.guards.extracting import EXTRACTING
from faults.mutation.guards.meaning import MEANING
from faults.mutation.guards.reading import READING
from faults.mutation.guards.storing import STORING
from faults.mutation.guards.unread import UNREAD
from faults.mutation.guards.wire import WIRE
from faults.mutation.guards.writing import WRITING
from faults.mutation.mutant import Mutant

GUARDS: Final[tuple[Mutant, ...]] = (*WIRE, *MEANING, *ASKING, *READING, *EXTRACTING, *UNREAD, *STORING, *WRITING)
