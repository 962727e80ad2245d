"""The closed set of oddities, and a notebook to collect them in.

What is odd is decided where answers are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipelines.amocrm.models import Anomaly

ANOMALY_KINDS: Mapping[str, str] = {
    "content_type": "an answer with JSON in it says that it is something else",
    "date_off_midnight": "a date is not midnight in the account's timezone, so its day may be another one",
    "duplicate_row": "a list shows the same thing more than once, with the same content; it is kept once",
    "id_as_text": "an id came as text; it is read as the number it spells",
    "missing_value": "a value that the vendor's page documents is missing or null",
    "over_documented_limit": "there are more things than the vendor's page allows",
    "totals_mismatch": "a list counts other than it holds, and does so steadily",
    "type_contradicts_page": "several system stages have one type, though the page gives each a type of its own",
    "unknown_field_type": "a field has a type that no page documents; its values are kept as JSON",
    "unknown_key": "a key that no page documents; its value is kept as JSON",
    "unknown_type": "a stage has a type that the page does not list",
    "unstorable_number": "a number is too large or too fine for Postgres; it is kept as text",
    "unstorable_text": "a text holds NUL or half a surrogate pair, which Postgres cannot store; U+FFFD stands there",
    "untyped_value": "a value is not of its documented type; it is kept as it came",
}
"""What each ``Oddity.kind`` means. An account in good health shows none of them."""

_MAX_NAME_LENGTH = 100


class AnomalyLog:
    """Collects oddities, each once however often it is met."""

    def __init__(self) -> None:
        self._found: set[Anomaly] = set()

    def add(self, kind: str, thing: str, thing_id: int, detail: str) -> None:
        """Note an oddity; ``detail`` must not hold what changes from load to load."""
        if kind not in ANOMALY_KINDS:
            raise ValueError(f"no such kind of oddity: {kind}")
        self._found.add(Anomaly(kind=kind, thing=thing, thing_id=thing_id, detail=detail))

    def add_all(self, anomalies: Iterable[Anomaly]) -> None:
        """Note what another notebook had."""
        self._found.update(anomalies)

    def all(self) -> tuple[Anomaly, ...]:
        """Everything noted, in a fixed order."""
        return tuple(sorted(self._found))


def quote_name(name: str) -> str:
    """A name from an answer as it may stand in a detail: printable and of bounded length."""
    shortened = name if len(name) <= _MAX_NAME_LENGTH else name[:_MAX_NAME_LENGTH] + "…"
    return "'" + "".join(character if character.isprintable() else "\ufffd" for character in shortened) + "'"
