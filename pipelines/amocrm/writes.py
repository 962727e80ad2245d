"""Writes to one account: stages and segments.

Implements the six methods of
https://www.amocrm.com/developers/content/api_v4/customers-stages-and-segments/. A write that may
have happened is never retried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pipelines.amocrm.messages import Request, Writable, WriteAttempt, WriteMethod, write_request
from pipelines.amocrm.models import Json
from pipelines.amocrm.numbered_lists import as_list
from pipelines.amocrm.session import Session
from pipelines.amocrm.validation import InvalidRecord, parse_row_id
from pipelines.base.errors import ApiError


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteResult:
    """Result of a successful write."""

    ids: tuple[int, ...]  # ids added, in the order sent, or the id changed or deleted
    attempt: WriteAttempt


class WriteClient:
    """Calls that change an account. They need an administrator's token.

    Bodies are JSON as on the vendor's page. Methods raise the errors of ``ApiError``, whose
    ``attempt`` is the write with its response: ``InvalidRequest`` for 400 and 422, with each of the
    ``validation-errors``; ``Unauthorized``, ``Forbidden``; ``NotFound`` if the entity is gone;
    ``UncertainWrite`` if the outcome is unknown.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def call(self, method: WriteMethod, resource: Writable, thing_id: int | None, body: Json) -> WriteResult:
        """Send one write. Returns the ids added, in the order sent, or the id changed or deleted.

        - POST of ``stages``: a list of stages with name and sort; color and ``request_id`` are optional. Request
          ids must differ, since they identify the new ids in the response; amoCRM numbers missing ones.
        - POST of ``segments``: one segment, with its name at least.
        - PATCH: at least one property; omitted ones stay as they are. Of a stage: name, sort and color.
        - DELETE: ``body`` is None. System stages stay; the customers of others move asynchronously.

        ``thing_id`` is None for POST.
        """
        request = write_request(method, resource, thing_id, body)
        attempts = self._session.attempts
        attempt_count = len(attempts)
        try:
            parsed = self._session.send(request, partial(_parse_ids, request=request, body=body))
        except ApiError as error:
            error.attempt = attempts[-1] if len(attempts) > attempt_count else None
            raise
        ids = (thing_id,) if thing_id is not None else parsed.value or ()
        return WriteResult(ids=ids, attempt=attempts[parsed.sequence])


def _parse_ids(document: Json, request: Request, body: Json) -> tuple[int, ...]:
    """Return the ids added or changed.

    Raises ``InvalidRecord`` if the response is about another entity.
    """
    if request.resource == "stages":
        return _parse_added_stage_ids(document, body)
    thing_id = parse_row_id(document, request.resource.removesuffix("s"))
    if request.thing_id not in (None, thing_id):
        raise InvalidRecord(f"another {request.resource} was returned than was changed")
    return (thing_id,)


def _parse_added_stage_ids(document: Json, sent_stages: Sequence[Mapping[str, Json]]) -> tuple[int, ...]:
    """Return the new ids in the order sent, matched by request ids; missing ones are 0, 1, 2…."""
    embedded = document.get("_embedded") if isinstance(document, dict) else None
    rows = as_list(embedded.get("statuses")) if isinstance(embedded, dict) else None
    if not isinstance(rows, list):
        raise InvalidRecord("the list of added stages is missing")
    by_request = {str(row.get("request_id")): parse_row_id(row, "stage") for row in rows if isinstance(row, dict)}
    request_ids = [str(stage.get("request_id", position)) for position, stage in enumerate(sent_stages)]
    if not len(rows) == len(by_request) == len(request_ids) or by_request.keys() != set(request_ids):
        raise InvalidRecord("the added stages are not those that were sent")
    return tuple(by_request[request_id] for request_id in request_ids)
