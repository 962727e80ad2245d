"""Kinds of anomalies, and the log that collects them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipelines.amocrm.models import Anomaly

ANOMALY_KINDS: Mapping[str, str] = {
    "content_type": "a response holds JSON and its Content-Type says otherwise",
    "date_off_midnight": "a date is not midnight in the account's timezone, so its day may be wrong",
    "duplicate_row": "a list shows the same entity more than once, with the same content; it is kept once",
    "id_as_text": "an id is a text; it is read as a number",
    "list_as_object": "a list is an object with numbered keys, as PHP writes arrays; it is read as the list",
    "missing_value": "a value that the vendor's page documents is missing or null",
    "over_documented_limit": "there are more entities than the vendor's page allows",
    "timezone_spelling": "the account's timezone has another case than the IANA name, which is used",
    "totals_mismatch": "a list's total differs from its rows, consistently",
    "type_contradicts_page": "several system stages have one type, though the page gives each a type of its own",
    "unknown_field_type": "a field has a type that no page documents; its values are kept as JSON",
    "unknown_key": "an undocumented key; its value is kept as JSON",
    "unknown_type": "a stage has a type that the page does not list",
    "unstorable_number": "a number is too large or too fine for Postgres; it is kept as text",
    "unstorable_text": "a text holds NUL or a lone surrogate, which Postgres cannot store; U+FFFD replaces it",
    "untyped_value": "a value is not of its documented type; it is kept as received",
}
"""Meaning of each ``Anomaly.kind``. A healthy account has none."""

_MAX_NAME_LENGTH = 100


class AnomalyLog:
    """Set of anomalies, each kept once."""

    def __init__(self) -> None:
        self._found: set[Anomaly] = set()

    def add(self, kind: str, thing: str, thing_id: int, detail: str) -> None:
        """Record an anomaly. ``detail`` must not contain values that change from load to load."""
        if kind not in ANOMALY_KINDS:
            raise ValueError(f"unknown kind of anomaly: {kind}")
        self._found.add(Anomaly(kind=kind, thing=thing, thing_id=thing_id, detail=detail))

    def add_all(self, anomalies: Iterable[Anomaly]) -> None:
        """Record anomalies of another log."""
        self._found.update(anomalies)

    def all(self) -> tuple[Anomaly, ...]:
        """Return all anomalies, sorted."""
        return tuple(sorted(self._found))


def quote_name(name: str) -> str:
    """Quote a name from a response for a detail: printable and of bounded length."""
    shortened = name if len(name) <= _MAX_NAME_LENGTH else name[:_MAX_NAME_LENGTH] + "…"
    return "'" + "".join(character if character.isprintable() else "\ufffd" for character in shortened) + "'"
