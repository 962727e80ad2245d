"""One load's reading of one account: what its mode has, and proof of what is gone. Nothing is typed or stored here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from pipelines.amocrm.client import AmoClient
from pipelines.amocrm.content import object_list
from pipelines.amocrm.messages import LIST_OF
from pipelines.amocrm.paging import Row
from pipelines.amocrm.read import LISTS_OF_MODE, read_snapshot
from pipelines.amocrm.records import Account, Json, RawAnswer, Resource, Snapshot
from pipelines.amocrm.said import Said
from pipelines.amocrm.shape import Misshapen, row_id, usable_id
from pipelines.errors import ApiError, IncompleteList, MalformedAnswer, ModeDisagreement, WrongAccount

THING_OF: Mapping[Resource, Resource] = {several: one for one, several in LIST_OF.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What the warehouse holds open of the account: what of it is missing from a list must be asked for by its id."""

    account_id: int | None = None  # None before the first load
    stage_ids: frozenset[int] = frozenset()
    segment_ids: frozenset[int] = frozenset()
    field_ids: frozenset[int] = frozenset()
    option_ids: frozenset[tuple[int, int]] = frozenset()  # (field id, option id)

    def of(self, resource: Resource) -> frozenset[int]:
        """The ids of the things of a list."""
        return {"stages": self.stage_ids, "segments": self.segment_ids, "fields": self.field_ids}[resource]

    def options_by_field(self) -> Mapping[int, set[int]]:
        """The ids of options, by the id of their field."""
        found: defaultdict[int, set[int]] = defaultdict(set)
        for field_id, option_id in self.option_ids:
            found[field_id].add(option_id)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Extraction:
    """Everything that one load received, and what it cost."""

    account: Account
    observed_at: datetime  # when the load began
    answers: tuple[RawAnswer, ...]
    request_count: int  # those without an answer included
    byte_count: int  # of all bodies, decoded
    documents: Mapping[int, Json] = field(repr=False)  # the parsed bodies, by the answers' sequence numbers

    def snapshot(self) -> Snapshot:
        """What the answers show; the same as ``read_snapshot`` makes of them, without parsing them again."""
        return read_snapshot(self.answers, self.observed_at, documents=self.documents)


def extract(client: AmoClient, known: Known, now: Callable[[], datetime]) -> Extraction:
    """Read the account, the lists of its mode, and each thing by its id that is known and not listed.

    The client must be new: its budget is the load's. Raises the errors of ``ApiError``, which then carry the answers
    received so far: ``WrongAccount`` where the account is not the known one, ``IncompleteList`` where a list lacks
    what the API, asked for it, still shows.
    """
    observed_at = now()
    with _answers_told(client):
        account = _read_account_and_lists(client, known)
    return Extraction(
        account=account,
        observed_at=observed_at,
        answers=client.answers,
        request_count=client.request_count,
        byte_count=sum(len(answer.body) for answer in client.answers),
        documents=client.documents,
    )


def is_said_again(client: AmoClient, said: Sequence[Said]) -> bool:
    """Ask what an earlier load asked, as long as every answer is the same; whether all of them were. Nothing is read.

    Where one differs, an extraction by this client goes on from there, without asking anything twice. Raises the
    errors of ``ApiError``, which then carry the answers received so far.
    """
    with _answers_told(client):
        return client.says_again(said)


@contextmanager
def _answers_told(client: AmoClient) -> Iterator[None]:
    """Errors tell the account, and what was answered until then."""
    try:
        yield
    except ApiError as error:
        error.answers = client.answers
        error.account = error.account or client.account_key
        raise


def _read_account_and_lists(client: AmoClient, known: Known) -> Account:
    account = client.account()
    if known.account_id not in (None, account.id):
        raise WrongAccount(f"The token belongs to account {account.id}, and the history to account {known.account_id}.")
    try:
        has_asked = [_read_list(client, account, resource, known) for resource in LISTS_OF_MODE[account.mode]]
    except Misshapen as error:
        raise MalformedAnswer(f"amoCRM's answer cannot be used: {error}.") from None
    if any(has_asked):
        _check_unchanged(account, client.account())
    return account


def _read_list(client: AmoClient, account: Account, resource: Resource, known: Known) -> bool:
    """Read a list and ask for what it lacks; returns whether anything had to be asked for.

    A list that contradicts what the API says by id is read once more.
    """
    options = known.options_by_field() if resource == "fields" else {}
    asked: dict[int, Row | None] = {}
    for _ in range(2):
        listed = client.read_list(resource).rows
        if not listed and not known.of(resource):
            # Nothing that is known could contradict an empty answer, so only another look can.
            listed = client.read_list(resource).rows
        missing = (known.of(resource) | options.keys()) - listed.keys()
        short = {one for one, option_ids in options.items() if one in listed and option_ids - _option_ids(listed[one])}
        for thing_id in sorted((missing | short) - asked.keys()):
            asked[thing_id] = _ask_for(client, account, resource, thing_id)
        if not any(_is_contradicted(listed.get(one), row, options.get(one, set())) for one, row in asked.items()):
            return bool(asked)
    raise IncompleteList(f"The list of {resource} twice contradicted what amoCRM says of single {resource}.")


def _ask_for(client: AmoClient, account: Account, resource: Resource, thing_id: int) -> Row | None:
    row = client.thing(THING_OF[resource], thing_id)
    if row is not None and usable_id(row.get("account_id")) not in (None, account.id):
        raise WrongAccount(
            f"{THING_OF[resource].capitalize()} {thing_id} belongs to another account than {account.id}."
        )
    return row


def _is_contradicted(listed: Row | None, asked: Row | None, known_options: AbstractSet[int]) -> bool:
    """Whether the list and the answer by id disagree on whether a thing, or one of its known options, is there."""
    if listed is None or asked is None:
        return listed is not asked
    return not known_options & _option_ids(asked) <= _option_ids(listed)


def _option_ids(row: Row) -> set[int]:
    return {row_id(option, "option") for option in object_list(row.get("enums"), "enums")}


def _check_unchanged(before: Account, after: Account) -> None:
    """A renamed subdomain or a switched mode would also say that a thing is not there."""
    if after.id != before.id:
        raise WrongAccount(f"Account {before.id} turned into account {after.id} during the load.")
    if after.mode != before.mode:
        raise ModeDisagreement(f"The mode changed from '{before.mode}' to '{after.mode}' during the load.")
