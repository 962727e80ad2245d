"""Guards in loading many accounts: one's trouble is no other's."""

from typing import Final

from faults.mutation.mutant import Mutant, guard

FLEETS: Final[tuple[Mutant, ...]] = (
    guard(
        "One account's error is its own",
        "pipelines/fleet.py",
        "            except Exception as error:  # noqa: BLE001 - whatever it is, it is this account's own\n",
        "            except ApiError as error:\n",
        "tests/integration/test_fleet.py",
    ),
    guard(
        "A fleet stops where the database is gone",
        "pipelines/fleet.py",
        "if isinstance(error, DatabaseUnavailable) and not self._reaches_database():",
        "if False:",
        "tests/integration/test_fleet.py",
    ),
    guard(
        "A fleet stops where amoCRM refuses the address",
        "pipelines/fleet.py",
        "if self.refused_in_a_row >= REFUSED_IN_A_ROW:",
        "if False:",
        "tests/integration/test_fleet.py",
    ),
    guard(
        "A note of a block stops no fleet",
        "pipelines/fleet.py",
        "isinstance(error, Blocked | RateLimited) and _is_answered(error)",
        "isinstance(error, Blocked | RateLimited)",
        "tests/integration/test_fleet.py",
    ),
    guard(
        "A success begins the count anew",
        "pipelines/fleet.py",
        "            self.refused_in_a_row = 0\n",
        "            pass\n",
        "tests/integration/test_fleet.py::test_refusals_between_which_somebody_is_loaded_stop_nobody",
    ),
    guard(
        "A fleet that ends begins nothing more",
        "pipelines/fleet.py",
        "        if not self.stopping.is_set():\n            clock = Clock",
        "        if True:\n            clock = Clock",
        "tests/integration/test_fleet.py",
    ),
    guard(
        "A load that waits ends with its fleet",
        "pipelines/fleet.py",
        "        if self.stopping.is_set():\n            raise _Stopped\n",
        "",
        "tests/integration/test_fleet.py",
    ),
    guard(
        "No more loads at once than threads",
        "pipelines/fleet.py",
        "range(min(threads, len(accounts)))",
        "range(len(accounts))",
        "tests/integration/test_fleet.py",
    ),
    guard(
        "Dagster loads no account twice at once",
        "assets/fleet.py",
        "spared = loads_on_their_way(context.instance).keys() | loaded_before(context, workbench)",
        "spared = loaded_before(context, workbench)",
        "tests/integration/test_assets_fleet.py",
    ),
    guard(
        "A run executed again loads what is left",
        "assets/fleet.py",
        " | loaded_before(context, workbench)",
        "",
        "tests/integration/test_assets_fleet.py",
    ),
)
