"""One thing that a probe found out about the API."""

from __future__ import annotations

from dataclasses import dataclass

UNKNOWN = "cannot tell"
"""The account has too little data to tell."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One behaviour: ``observed`` holds no id, name or host; ``expected`` is what loads are made for."""

    subject: str
    name: str
    observed: str
    expected: tuple[str, ...] = ()

    @property
    def is_expected(self) -> bool:
        """True if loads are made for it, or if it is unknown."""
        return not self.expected or self.observed.startswith(UNKNOWN) or self.observed in self.expected
