"""What a relation is: name, typed columns and key, and how a typed frame is made of rows.

None is defined here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

INTEGER = "Int64"
"""Whole numbers and ids: nullable, never floats, which would turn 2^53 + 1 into 2^53."""
TEXT = "string"
BOOLEAN = "boolean"
INSTANT = "datetime64[us, UTC]"
"""Microseconds, as Postgres has them."""
OBJECT = "object"
"""Values that pandas has no exact type for: decimals, days, JSON, hashes."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Relation:
    """One table of schema ``amocrm``: its columns in order with their pandas types, and its key.

    What a column means is said once, by the table's comment in ``sql/migrations``; a test holds both together.
    """

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]

    def frame(self, rows: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
        """A typed frame of these rows, whose values stand in the order of ``columns``.

        Raises ``ValueError`` that shows the rows when two have the same key.
        """
        import pandas as pd  # noqa: PLC0415 - it takes longer than a load in which nothing changed

        array: Callable[..., Any] = pd.array  # its stubs want each type in letters
        by_column = list(zip(*rows, strict=True)) or [()] * len(self.columns)
        columns = {name: list(values) for name, values in zip(self.columns, by_column, strict=True)}
        frame = pd.DataFrame(
            {
                # A series of objects stays one; an array of a type spares the index that each series brings.
                name: pd.Series(values, dtype=dtype) if dtype == OBJECT else array(values, dtype=dtype)
                for (name, dtype), values in zip(self.columns.items(), columns.values(), strict=True)
            },
            copy=False,
        )
        key = list(self.key)
        if len(set(zip(*(columns[name] for name in key), strict=True))) < len(frame):
            repeated = frame[frame.duplicated(key, keep=False)]
            raise ValueError(f"{self.name}: rows with the same key\n{repeated[key].head(6)}")
        return frame
