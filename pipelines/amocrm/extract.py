"""Extraction of one load: the lists of the account's mode, and confirmation of deletions by id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass

from pipelines.amocrm.account import require_same_account_and_mode
from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.content_hash import parse_list
from pipelines.amocrm.messages import LIST_OF
from pipelines.amocrm.models import Account, Resource
from pipelines.amocrm.numbered_lists import as_list
from pipelines.amocrm.pagination import Row
from pipelines.amocrm.response_digest import ResponseDigest
from pipelines.amocrm.snapshot import LISTS_BY_MODE
from pipelines.amocrm.validation import InvalidRecord, parse_id, parse_row_id
from pipelines.base.errors import ApiError, IncompleteList, MalformedAnswer, WrongAccount

ENTITY_OF: Mapping[Resource, Resource] = {list_name: key for key, list_name in LIST_OF.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownEntities:
    """Entities that are open in the warehouse. One that a list lacks is requested by its id."""

    account_id: int | None = None  # None before the first load
    stage_ids: frozenset[int] = frozenset()
    segment_ids: frozenset[int] = frozenset()
    field_ids: frozenset[int] = frozenset()
    option_ids: frozenset[tuple[int, int]] = frozenset()  # (field id, option id)

    def ids_of(self, resource: Resource) -> frozenset[int]:
        """Return the ids of a list's entities."""
        return {"stages": self.stage_ids, "segments": self.segment_ids, "fields": self.field_ids}[resource]

    def options_by_field(self) -> Mapping[int, set[int]]:
        """Return the ids of options by the id of their field."""
        by_field: defaultdict[int, set[int]] = defaultdict(set)
        for field_id, option_id in self.option_ids:
            by_field[field_id].add(option_id)
        return by_field


def extract(client: AmoClient, known: KnownEntities) -> None:
    """Fetch the account, the lists of its mode, and by id each known entity that its list lacks.

    Leaves the responses in ``client``, which must be new: its request quota is the load's. Raises the
    errors of ``ApiError`` with the responses received so far: ``WrongAccount`` if the account is not the
    known one, ``IncompleteList`` if a list lacks an entity that the API still returns by id.
    """
    with _attach_responses(client):
        _fetch_account_and_lists(client, known)


def is_unchanged(client: AmoClient, digests: Sequence[ResponseDigest]) -> bool:
    """Repeat the requests of an earlier load while the responses are the same; return True if all are.

    If one differs, ``extract`` with this client continues from there without repeating a request.
    Raises the errors of ``ApiError`` with the responses received so far.
    """
    with _attach_responses(client):
        return client.fetch_and_compare(digests)


@contextmanager
def _attach_responses(client: AmoClient) -> Iterator[None]:
    """Add the account's key and the responses received so far to errors."""
    try:
        yield
    except ApiError as error:
        error.responses = client.responses
        error.account = error.account or client.account_key
        raise


def _fetch_account_and_lists(client: AmoClient, known: KnownEntities) -> None:
    """Fetch the account and its lists; if an entity had to be requested by id, check the account again."""
    account = client.fetch_account()
    if known.account_id not in (None, account.id):
        raise WrongAccount(f"The token belongs to account {account.id}, and the history to account {known.account_id}.")
    try:
        has_fetched = [_fetch_list(client, account, resource, known) for resource in LISTS_BY_MODE[account.mode]]
    except InvalidRecord as error:
        raise MalformedAnswer(f"amoCRM's response cannot be used: {error}.") from None
    if any(has_fetched):
        require_same_account_and_mode(account, client.fetch_account())


def _fetch_list(client: AmoClient, account: Account, resource: Resource, known: KnownEntities) -> bool:
    """Fetch a list, and by id what it lacks. Returns True if anything was requested by id.

    A list that contradicts the responses by id is fetched once more.
    """
    options = known.options_by_field() if resource == "fields" else {}
    fetched: dict[int, Row | None] = {}
    for _ in range(2):
        listed = client.fetch_list(resource).rows
        if not listed and not known.ids_of(resource):
            # No known entity can contradict an empty list, so fetch it again to confirm it.
            listed = client.fetch_list(resource).rows
        missing = (known.ids_of(resource) | options.keys()) - listed.keys()
        incomplete = {
            key for key, option_ids in options.items() if key in listed and option_ids - _option_ids(listed[key])
        }
        for thing_id in sorted((missing | incomplete) - fetched.keys()):
            fetched[thing_id] = _fetch_by_id(client, account, resource, thing_id)
        if not any(_contradicts(listed.get(key), row, options.get(key, set())) for key, row in fetched.items()):
            return bool(fetched)
    raise IncompleteList(f"The list of {resource} contradicted twice what amoCRM says about single {resource}.")


def _fetch_by_id(client: AmoClient, account: Account, resource: Resource, thing_id: int) -> Row | None:
    """Fetch one entity; None if it is gone.

    Raises ``WrongAccount`` if it belongs to another account.
    """
    row = client.fetch_entity(ENTITY_OF[resource], thing_id)
    if row is not None and parse_id(row.get("account_id")) not in (None, account.id):
        raise WrongAccount(
            f"{ENTITY_OF[resource].capitalize()} {thing_id} belongs to another account than {account.id}."
        )
    return row


def _contradicts(listed: Row | None, fetched: Row | None, known_options: AbstractSet[int]) -> bool:
    """Return True if the list and the response by id disagree on an entity or one of its known options."""
    if listed is None or fetched is None:
        return listed is not fetched
    return bool(known_options) and not known_options & _option_ids(fetched) <= _option_ids(listed)


def _option_ids(row: Row) -> set[int]:
    """Return the ids of a field row's options."""
    return {parse_row_id(option, "option") for option in parse_list(as_list(row.get("enums")), "enums")}
