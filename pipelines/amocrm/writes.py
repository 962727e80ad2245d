"""What can be changed in one account: stages and segments, with the six methods of the vendor's page.

What ought to be changed, and by which calls, is the subject of ``pipelines.writeback``. A write
that may have happened is never sent again: see ``protocol``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pipelines.amocrm.messages import Request, Writable, WriteAttempt, WriteMethod, write_request
from pipelines.amocrm.models import Json
from pipelines.amocrm.session import Session
from pipelines.amocrm.validation import InvalidRecord, parse_row_id
from pipelines.base.errors import ApiError


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteResult:
    """A call that changed what it was to change."""

    ids: tuple[int, ...]  # of what was added, in the order in which it was sent; else of what was changed or deleted
    attempt: WriteAttempt


class WriteClient:
    """The calls that change an account; they ask for an administrator's token.

    Bodies are the page's own, as JSON. Every method raises the errors of ``ApiError``, whose ``attempt`` is what was
    sent and answered: ``InvalidRequest`` for 400 and 422, with each of the ``validation-errors`` in its message,
    ``Unauthorized``, ``Forbidden``, ``NotFound`` where the thing is gone, and ``UncertainWrite`` where nobody can tell
    whether it happened.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_stages(self, stages: Sequence[Mapping[str, Json]]) -> WriteResult:
        """``POST /customers/statuses``: each stage with name and sort; colour and ``request_id`` may be left out.

        Request ids must differ, since the new ids are told by them; amoCRM makes them up where they
        are left out.
        """
        return self.call("POST", "stages", None, [dict(stage) for stage in stages])

    def update_stage(self, stage_id: int, changes: Mapping[str, Json]) -> WriteResult:
        """``PATCH /customers/statuses/{id}``: at least one of name, sort and colour."""
        return self.call("PATCH", "stages", stage_id, dict(changes))

    def delete_stage(self, stage_id: int) -> WriteResult:
        """``DELETE /customers/statuses/{id}``: not of a system stage.

        Its customers move within some time.
        """
        return self.call("DELETE", "stages", stage_id, None)

    def add_segment(self, segment: Mapping[str, Json]) -> WriteResult:
        """``POST /customers/segments``: one segment, with its name at least."""
        return self.call("POST", "segments", None, dict(segment))

    def update_segment(self, segment_id: int, changes: Mapping[str, Json]) -> WriteResult:
        """``PATCH /customers/segments/{id}``: at least one property; what is left out stays as it is."""
        return self.call("PATCH", "segments", segment_id, dict(changes))

    def delete_segment(self, segment_id: int) -> WriteResult:
        """``DELETE /customers/segments/{id}``."""
        return self.call("DELETE", "segments", segment_id, None)

    def call(self, method: WriteMethod, resource: Writable, thing_id: int | None, body: Json) -> WriteResult:
        """Any of the six, as a plan names it.

        ``thing_id`` is None for POST, ``body`` for DELETE.
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
    """The ids of what was added or changed, if the answer is about that."""
    if request.resource == "stages":
        return _parse_added_stage_ids(document, body)
    thing_id = parse_row_id(document, request.resource)
    if request.thing_id not in (None, thing_id):
        raise InvalidRecord(f"another {request.resource} came than was changed")
    return (thing_id,)


def _parse_added_stage_ids(document: Json, sent_stages: Sequence[Mapping[str, Json]]) -> tuple[int, ...]:
    """The new ids in the order of what was sent, told by the request ids; those left out are 0, 1, 2 in the answer."""
    embedded = document.get("_embedded") if isinstance(document, dict) else None
    rows = embedded.get("statuses") if isinstance(embedded, dict) else None
    if not isinstance(rows, list):
        raise InvalidRecord("the list of added stages is missing")
    by_request = {str(row.get("request_id")): parse_row_id(row, "stage") for row in rows if isinstance(row, dict)}
    request_ids = [str(stage.get("request_id", position)) for position, stage in enumerate(sent_stages)]
    if not len(rows) == len(by_request) == len(request_ids) or by_request.keys() != set(request_ids):
        raise InvalidRecord("the added stages are not those that were sent")
    return tuple(by_request[request_id] for request_id in request_ids)
