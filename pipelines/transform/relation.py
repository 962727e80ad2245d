"""Relation: name, typed columns and key of a table, and its data frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

INTEGER = "Int64"
"""Nullable integers, never floats, which would turn 2^53 + 1 into 2^53."""
TEXT = "string"
BOOLEAN = "boolean"
INSTANT = "datetime64[us, UTC]"
"""Microseconds, as in Postgres."""
OBJECT = "object"
"""Values without an exact pandas type: decimals, days, JSON, hashes."""

_PYTHON_TYPES: Final[Mapping[str, type]] = {INTEGER: int, TEXT: str, BOOLEAN: bool, INSTANT: datetime}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Relation:
    """Table of schema ``amocrm``: its columns in order with their pandas types, and its key.

    Column meanings are in the comments of ``sql/migrations``; a test compares both.
    """

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]

    def frame(self, rows: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
        """Build a typed frame from rows whose values are in the order of ``columns``.

        Raises ``ValueError`` with the rows if two have the same key.
        """
        import pandas as pd  # noqa: PLC0415 - the import takes longer than most loads

        array: Callable[..., Any] = pd.array  # its stubs accept only literal types
        by_column = list(zip(*rows, strict=True)) or [()] * len(self.columns)
        columns = {name: list(values) for name, values in zip(self.columns, by_column, strict=True)}
        frame = pd.DataFrame(
            {
                # A typed array avoids the index that each series would create.
                name: pd.Series(values, dtype=dtype) if dtype == OBJECT else array(values, dtype=dtype)
                for (name, dtype), values in zip(self.columns.items(), columns.values(), strict=True)
            },
            copy=False,
        )
        self._check_keys(columns)
        return frame

    def check(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Check types and keys as ``frame`` does, without pandas. Raises ``TypeError`` and ``ValueError``."""
        columns = dict(zip(self.columns, zip(*rows, strict=True), strict=True))
        for name, values in columns.items():
            allowed = _PYTHON_TYPES.get(self.columns[name])
            if allowed and not {type(value) for value in values} <= {allowed, NoneType}:
                raise TypeError(f"{self.name}.{name}: a value is no {self.columns[name]}")
        self._check_keys(columns)

    def _check_keys(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Raise ``ValueError`` with the keys that several rows have."""
        counts = Counter(zip(*(columns[name] for name in self.key), strict=True))
        if repeated := [key for key, count in counts.items() if count > 1]:
            raise ValueError(f"{self.name}: rows with the same key {self.key}: {repeated[:6]}")
