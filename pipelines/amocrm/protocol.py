"""Interpretation of responses: a pure function of status, headers and body.

Statuses follow https://www.amocrm.com/developers/content/api_v4/customers-stages-and-segments/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeAlias, TypedDict, TypeVar

from pipelines.amocrm import strict_json
from pipelines.amocrm.error_document import describe_error_document, parse_error_document, retry_after_seconds
from pipelines.amocrm.limits import RetryReason
from pipelines.amocrm.messages import Request, Response
from pipelines.amocrm.models import Json
from pipelines.amocrm.segment_row import parse_segment_list
from pipelines.base.errors import (
    ApiError,
    Blocked,
    Forbidden,
    InvalidRequest,
    MalformedAnswer,
    ModeDisagreement,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
    UncertainWrite,
)
from pipelines.base.language import lazy_gettext


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """Usable response with this value."""

    value: Json


@dataclass(frozen=True, kw_only=True, slots=True)
class NoContent:
    """Response without content: the end of a list, or a deleted entity."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """Failure that a retry may cure. ``error`` is raised if there is no retry."""

    reason: RetryReason
    error: ApiError
    wait: float | None = None  # seconds that the server asks for


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """Failure that a retry cannot cure."""

    error: ApiError


Interpretation: TypeAlias = Document | NoContent | Retry | Failed


def interpret(response: Response, request: Request) -> Interpretation:
    """Interpret a response to ``request``. The document's structure is checked by the caller."""
    return _never_retry_write(_interpret(response, request), request)


def _interpret(response: Response, request: Request) -> Interpretation:  # noqa: C901, PLR0911, PLR0912 - a line for each status
    """Map a status to its meaning, before the rule that writes are not retried."""
    match response.status:
        case 200 | 201 | 202 | 204 | 404 if response.defect:
            return _corrupt_response(response, request, response.defect)
        case 200 if request.is_read:
            return _parse_document(response, request)
        case 200 | 201 | 202 if not request.is_read and request.method != "DELETE":
            # The vendor's own client takes each of them; the body is the proof.
            return _parse_document(response, request)
        case 204 if request.method == "DELETE" or (
            request.is_read and (request.is_list_page or request.is_single_entity)
        ):
            return NoContent()
        case status if 200 <= status < 300 and not request.is_read:
            return malformed_response(response, request, f"{status} does not prove that it was carried out")
        case 401:
            return Retry(reason="token", error=_build_error(Unauthorized, response, request))
        case 403 if parse_error_document(response) is None:
            return Failed(error=_build_error(Blocked, response, request, "without JSON, so this address is blocked"))
        case 402 | 403:
            return Failed(error=_build_error(Forbidden, response, request))
        case 404 if request.is_read and request.is_single_entity and _is_gone(response):
            return NoContent()
        case 404:
            return Failed(error=_build_error(NotFound, response, request))
        case 422 if request.is_read:
            return Failed(error=_build_error(ModeDisagreement, response, request))
        case 400 | 422:
            return Failed(error=_build_error(InvalidRequest, response, request))
        case 429:
            return _retry("rate limit", RateLimited, response, request)
        case status if status == 408 or status >= 500:
            return Retry(
                reason="transient error",
                error=_build_error(Unavailable, response, request),
                wait=retry_after_seconds(response),
            )
        case status if 300 <= status < 400:
            return Failed(error=_build_error(NotFound, response, request, "a redirect, and redirects are not followed"))
        case _:
            return Failed(error=_build_error(ApiError, response, request, "which is not expected here"))


def malformed_response(response: Response, request: Request, reason: str) -> Retry | Failed:
    """Return the outcome of an unusable success; ``reason`` has neither capital nor full stop."""
    error = MalformedAnswer(f"amoCRM's response cannot be used: {reason}.", **_error_details(response, request))
    return _never_retry_write(Retry(reason="malformed body", error=error), request)


def no_response(request: Request, reason: str, *, is_transient: bool, is_sent: bool = True) -> Retry | Failed:
    """Return the outcome of a request without a response; ``reason`` has neither capital nor full stop.

    ``is_transient``: a retry may succeed. ``is_sent``: the host may have received the request.
    """
    error = Unavailable(f"No response: {reason}.", request=str(request))
    if not is_transient:
        return Failed(error=error)
    retry = Retry(reason="transient error", error=error)
    return _never_retry_write(retry, request) if is_sent else retry


InterpretationT = TypeVar("InterpretationT", bound=Interpretation)


def _never_retry_write(interpretation: InterpretationT, request: Request) -> InterpretationT | Failed:
    """Turn a retry into ``UncertainWrite`` if it could repeat a write that happened.

    After 401 and 429 the write certainly did not happen.
    """
    if request.is_read or not isinstance(interpretation, Retry) or interpretation.reason in ("token", "rate limit"):
        return interpretation
    error = interpretation.error
    return Failed(
        error=UncertainWrite(
            f"The outcome of the write is unknown. {error.message}",
            request=error.request,
            status=error.status,
            request_id=error.request_id,
        )
    )


def _retry(reason: RetryReason, error_type: type[ApiError], response: Response, request: Request) -> Retry:
    """Build a retry that names the wait in its error."""
    wait = retry_after_seconds(response)
    detail = f"asking to wait {wait:.0f} seconds" if wait else ""
    return Retry(reason=reason, error=_build_error(error_type, response, request, detail), wait=wait)


def _corrupt_response(response: Response, request: Request, defect: str) -> Retry | Failed:
    """Return the outcome of a body that is unusable as received."""
    if response.is_interrupted:
        error = Unavailable(f"Incomplete response: {defect}.", **_error_details(response, request))
        return Retry(reason="transient error", error=error)
    return malformed_response(response, request, defect)


def _parse_document(response: Response, request: Request) -> Interpretation:
    """Parse the body as strict JSON; usual rows of segments become ``SegmentRow``."""
    try:
        parse = parse_segment_list if request.resource == "segments" and request.is_read else strict_json.parse
        return Document(value=parse(response.body))
    except strict_json.NotStrictJson as error:
        return malformed_response(response, request, str(error))


def _is_gone(response: Response) -> bool:
    """Return True if the API itself says with 404 that an entity is gone; a proxy's page says nothing."""
    error_document = parse_error_document(response)
    return (
        error_document is not None
        and "json" in (response.content_type or "").lower()
        and error_document.get("status", 404) == 404
    )


def _build_error(error_type: type[ApiError], response: Response, request: Request, detail: str = "") -> ApiError:
    """Build an error whose message holds the status, ``detail`` and the error document."""
    phrases = {status.value: f" {status.phrase}" for status in HTTPStatus}
    message = f"amoCRM answered {response.status}{phrases.get(response.status, '')}"
    described = describe_error_document(parse_error_document(response))
    if request.shows_persons and not _ERROR_NUMBER.fullmatch(described):
        described = ""
    for part in (detail, described):
        message += f": {part}" if part else ""
    advice = None if request.is_read else _WRITE_ADVICE.get(error_type)
    if response.status == 504 and request.is_list_page and request.is_read:
        advice = _TIMEOUT_ADVICE
    return error_type(f"{message}.", advice=advice, **_error_details(response, request))


_ERROR_NUMBER = re.compile(r"Error \d{1,4}")
"""The only text of an error about customers that is quoted: any other may repeat a customer's data."""

_TIMEOUT_ADVICE = lazy_gettext(
    "Nothing stored was changed; the next load tries again. If it lasts, run './run doctor --probe': it finds the page "
    "size that amoCRM serves in time, and later loads use it."
)

_WRITE_ADVICE: Mapping[type[ApiError], str] = {
    InvalidRequest: "This call changed nothing. Correct what the response names, and plan again.",
    Forbidden: "This call changed nothing. Only an administrator of the account may make it.",
    NotFound: "This call changed nothing. If the entity is gone by now, plan again; otherwise check AMOCRM_HOST.",
    RateLimited: "This call changed nothing. Plan again later for the remaining calls.",
}
"""Advice for a write that certainly did not happen, if it differs from that for a load."""


def _error_details(response: Response, request: Request) -> _ErrorDetails:
    return {"request": str(request), "status": response.status, "request_id": response.request_id}


class _ErrorDetails(TypedDict):
    """Attributes that every error takes from its response."""

    request: str
    status: int
    request_id: str | None
