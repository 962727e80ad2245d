"""One load's reading of one account: what its mode has, and proof of what is gone.

Nothing is typed or stored here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass

from pipelines.amocrm.account import require_same_account_and_mode
from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.fingerprint import parse_list
from pipelines.amocrm.messages import LIST_OF
from pipelines.amocrm.models import Account, Resource
from pipelines.amocrm.pagination import Row
from pipelines.amocrm.response_digest import ResponseDigest
from pipelines.amocrm.snapshot import LISTS_BY_MODE
from pipelines.amocrm.validation import InvalidRecord, parse_id, parse_row_id
from pipelines.base.errors import ApiError, IncompleteList, MalformedAnswer, WrongAccount

ENTITY_OF: Mapping[Resource, Resource] = {list_name: key for key, list_name in LIST_OF.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownEntities:
    """What the warehouse holds open of the account: what of it is missing from a list must be asked for by its id."""

    account_id: int | None = None  # None before the first load
    stage_ids: frozenset[int] = frozenset()
    segment_ids: frozenset[int] = frozenset()
    field_ids: frozenset[int] = frozenset()
    option_ids: frozenset[tuple[int, int]] = frozenset()  # (field id, option id)

    def ids_of(self, resource: Resource) -> frozenset[int]:
        """The ids of the things of a list."""
        return {"stages": self.stage_ids, "segments": self.segment_ids, "fields": self.field_ids}[resource]

    def options_by_field(self) -> Mapping[int, set[int]]:
        """The ids of options, by the id of their field."""
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
    """Ask what an earlier load asked, as long as every answer is the same; whether all of them were.

    Nothing is read. Where one differs, an extraction by this client goes on from there, without
    asking anything twice. Raises the errors of ``ApiError``, which then carry the answers received
    so far.
    """
    with _attach_responses(client):
        return client.fetch_and_compare(digests)


@contextmanager
def _attach_responses(client: AmoClient) -> Iterator[None]:
    """Errors tell the account, and what was answered until then."""
    try:
        yield
    except ApiError as error:
        error.responses = client.responses
        error.account = error.account or client.account_key
        raise


def _fetch_account_and_lists(client: AmoClient, known: KnownEntities) -> None:
    account = client.fetch_account()
    if known.account_id not in (None, account.id):
        raise WrongAccount(f"The token belongs to account {account.id}, and the history to account {known.account_id}.")
    try:
        has_fetched = [_fetch_list(client, account, resource, known) for resource in LISTS_BY_MODE[account.mode]]
    except InvalidRecord as error:
        raise MalformedAnswer(f"amoCRM's answer cannot be used: {error}.") from None
    if any(has_fetched):
        require_same_account_and_mode(account, client.fetch_account())


def _fetch_list(client: AmoClient, account: Account, resource: Resource, known: KnownEntities) -> bool:
    """Read a list and ask for what it lacks; returns whether anything had to be asked for.

    A list that contradicts what the API says by id is read once more.
    """
    options = known.options_by_field() if resource == "fields" else {}
    fetched: dict[int, Row | None] = {}
    for _ in range(2):
        listed = client.fetch_list(resource).rows
        if not listed and not known.ids_of(resource):
            # Nothing that is known could contradict an empty answer, so only another look can.
            listed = client.fetch_list(resource).rows
        missing = (known.ids_of(resource) | options.keys()) - listed.keys()
        incomplete = {
            key for key, option_ids in options.items() if key in listed and option_ids - _option_ids(listed[key])
        }
        for thing_id in sorted((missing | incomplete) - fetched.keys()):
            fetched[thing_id] = _fetch_by_id(client, account, resource, thing_id)
        if not any(_contradicts(listed.get(key), row, options.get(key, set())) for key, row in fetched.items()):
            return bool(fetched)
    raise IncompleteList(f"The list of {resource} twice contradicted what amoCRM says of single {resource}.")


def _fetch_by_id(client: AmoClient, account: Account, resource: Resource, thing_id: int) -> Row | None:
    row = client.fetch_entity(ENTITY_OF[resource], thing_id)
    if row is not None and parse_id(row.get("account_id")) not in (None, account.id):
        raise WrongAccount(
            f"{ENTITY_OF[resource].capitalize()} {thing_id} belongs to another account than {account.id}."
        )
    return row


def _contradicts(listed: Row | None, fetched: Row | None, known_options: AbstractSet[int]) -> bool:
    """Whether the list and the answer by id disagree on whether a thing, or one of its known options, is there."""
    if listed is None or fetched is None:
        return listed is not fetched
    return not known_options & _option_ids(fetched) <= _option_ids(listed)


def _option_ids(row: Row) -> set[int]:
    return {parse_row_id(option, "option") for option in parse_list(row.get("enums"), "enums")}
