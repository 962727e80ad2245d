"""Scan the customers of one account: read them all, prove endings, cross-check, publish.

Nothing ends because it was not listed: a customer that the list does not show is requested by id.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from pipelines.amocrm.account import require_same_account_and_mode
from pipelines.amocrm.models import Account
from pipelines.base.clock import raise_if_ahead
from pipelines.base.errors import ModeDisagreement, SettingsError, WrongAccount
from pipelines.customers.checkpoint import Checkpoint, open_checkpoint, steady_clock
from pipelines.customers.events import EventReading
from pipelines.customers.moves import read_moves
from pipelines.customers.projection import CustomerRow
from pipelines.customers.publish_scan import PublishedScan, publish_scan
from pipelines.customers.reader import CustomerReader, open_reader
from pipelines.load.blocked_hosts import blocks_recorded
from pipelines.load.context import LoadContext
from pipelines.load.load import with_retry
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.state import account_id_for_key

MAX_BY_ID: Final = 500
"""Customers of a scan that are requested by id. If more are missing, the list is read once more first."""

SECOND_PASS: Final = 1_000_000_000
"""Position from which pages of the second pass over the list count."""


def scan_customers(context: LoadContext, *, rate: float | None = None) -> PublishedScan:
    """Scan the account's customers and publish the scan; go on with one that was interrupted within the last hour.

    ``rate`` is requests a second; None: the share of the host's rate that scans may use. Raises the errors of
    ``ApiError``; what was read until then is stored.
    """
    engine, key = context.engine, context.account_key
    with transaction(engine, account=key) as connection:
        account_id = account_id_for_key(connection, key)
    if account_id is None:
        raise SettingsError(
            "the account has not been loaded yet.", account=key, advice="Run './run sync' first, then scan."
        )
    checkpoint = open_checkpoint(engine, context.settings.data_dir, key, account_id, context.clock.now())
    context = replace(context, clock=steady_clock(context.clock, checkpoint.earliest))
    with (
        open_reader(context, rate) as reader,
        blocks_recorded(context.settings.data_dir, urlsplit(reader.client.base_url).netloc, context.clock),
    ):
        account = _fetch_account(reader, account_id)
        raise_if_ahead(checkpoint.started_at, reader.client.host_date)
        _read_sizes(reader, checkpoint, account, number=1)
        _read_list(reader, checkpoint)
        _read_missing(reader, checkpoint)
        events = read_moves(reader, checkpoint, context.clock.now())
        require_same_account_and_mode(account, reader.fetch_account())
        _read_sizes(reader, checkpoint, account, number=2)
    return with_retry(
        lambda: publish_scan(checkpoint, events=events, has_segments=account.mode == "segments"),
        context.clock,
    )


def _fetch_account(reader: CustomerReader, account_id: int) -> Account:
    """Fetch the account. Raises ``WrongAccount``, and ``ModeDisagreement`` if its customers are switched off."""
    account = reader.fetch_account()
    if account.id != account_id:
        raise WrongAccount(f"The token belongs to account {account.id}, and the history to account {account_id}.")
    if account.mode not in ("segments", "periodicity"):
        raise ModeDisagreement(
            f"The account's customers are {account.mode} in amoCRM, so there is nothing to scan.",
            advice="Switch customers on in amoCRM's settings, or remove the account's 'customers' setting.",
        )
    reader.has_segments = account.mode == "segments"
    return account


def _read_sizes(reader: CustomerReader, checkpoint: Checkpoint, account: Account, *, number: int) -> None:
    """Read the segments' sizes before (1) or after (2) the list."""
    if account.mode == "segments" and checkpoint.positions.get("sizes", 0) < number:
        sent_at = reader.clock.now()
        checkpoint.add("sizes", reader.fetch_sizes(), sent_at, reader.clock.now(), number)


def _read_list(reader: CustomerReader, checkpoint: Checkpoint) -> None:
    """Read the list, or the rest of it, page by page and commit each."""
    start = SECOND_PASS if _is_second_pass(checkpoint) else 0
    for page in reader.read_customers(checkpoint.list_position(start)):
        checkpoint.add("list", page.rows, page.sent_at, page.received_at, start + page.position)


def _is_second_pass(checkpoint: Checkpoint) -> bool:
    """Return True if the list is read for the second time, or was."""
    return checkpoint.positions.get("list", 0) >= SECOND_PASS


def _read_missing(reader: CustomerReader, checkpoint: Checkpoint) -> None:
    """Read the known customers that the list did not show.

    If they are too many to request by id, those with an event of deletion are gone, and a second pass over the list
    finds more of them. What is left after that stays open. A beginning knows none: it reads a list twice whose rows
    change their places when customers change, since it skips some.
    """
    if checkpoint.is_beginning:
        if not reader.is_by_id:
            checkpoint.positions["list"] = SECOND_PASS
            _read_list(reader, checkpoint)
        return
    missing = checkpoint.missing_customers(MAX_BY_ID + 1)
    if len(missing) > MAX_BY_ID and not _is_second_pass(checkpoint):
        _end_deleted(reader, checkpoint)
        checkpoint.positions["list"] = SECOND_PASS
        _read_list(reader, checkpoint)
        missing = checkpoint.missing_customers(MAX_BY_ID)
    missing = missing[:MAX_BY_ID]
    for customer_id in (*missing, *checkpoint.unlisted_customers(MAX_BY_ID - len(missing))):
        sent_at = reader.clock.now()
        row, is_gone = reader.read_customer(customer_id)
        received_at = reader.clock.now()
        if row is not None:
            checkpoint.add("by_id", [(*row, "deleted")], sent_at, received_at)
        elif is_gone:
            checkpoint.add("by_id", [_gone(customer_id, "gone_or_hidden")], sent_at, received_at)
        else:
            checkpoint.add("denied", [(customer_id,)], sent_at, received_at)


def _end_deleted(reader: CustomerReader, checkpoint: Checkpoint) -> None:
    """Store the missing customers that events say were deleted since the previous scan."""
    assert checkpoint.previous is not None
    missing = set(checkpoint.missing_customers(SECOND_PASS))
    sent_at = reader.clock.now()
    since, until = int(checkpoint.previous.timestamp()), int(sent_at.timestamp())
    for ids in reader.read_deletions(EventReading(kind="customer_deleted", since=since, until=until)):
        if rows := [_gone(customer_id, "deleted") for customer_id in ids if customer_id in missing]:
            checkpoint.add("by_id", rows, sent_at, reader.clock.now())


def _gone(customer_id: int, reason: str) -> tuple[object, ...]:
    """Build the row of a customer that is gone."""
    return (*CustomerRow(customer_id, True, None, (), None, None, None, None, None), reason)  # noqa: FBT003 - a row's columns
