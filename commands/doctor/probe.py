"""Probe of an account's API, and the estimated cost of a scan of its customers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from urllib.parse import urlsplit

import click

from commands.doctor.check import Check, failed, ok, warning
from commands.output import print_json
from pipelines.amocrm.client import AmoClient
from pipelines.base.clock import Clock
from pipelines.base.errors import ApiError, SettingsError
from pipelines.base.language import LazyText, join_texts, lazy_gettext, map_text
from pipelines.base.program import with_program_name
from pipelines.config.settings import AccountSettings, AnyAccount, Settings, UnusableAccount
from pipelines.customers.cost import ScanCost, estimate_scan
from pipelines.load.access import endpoint_for
from pipelines.load.blocked_hosts import blocks_recorded, raise_if_blocked
from pipelines.load.rate_limits import limits_for, rate_limiters_for
from pipelines.probe.probe import probe, probe_file, read_result, write_result
from pipelines.probe.reader import ProbeReader


def print_probe(account: AccountSettings, settings: Settings, clock: Clock, *, is_json: bool) -> None:
    """Probe an account, keep the findings for later loads, and print them."""
    click.echo(f"Reading account '{account.key}'. This takes up to a minute.", err=True)
    file = probe_file(settings.data_dir, account.key)
    with open_reader(account, settings, clock) as reader:
        result = probe(reader, read_result(file))
    write_result(file, result)
    if is_json:
        print_json({"requests": result.request_count, "findings": [asdict(one) for one in result.findings]})
    else:
        click.echo(result.describe())


def check_scans(
    accounts: Sequence[AnyAccount], settings: Settings, clock: Clock, *, with_cost: bool
) -> Iterator[Check]:
    """Yield a check per account with what a scan of its customers costs, if scans are on or ``with_cost``.

    Otherwise no customer is requested.
    """
    for account in accounts:
        if isinstance(account, UnusableAccount):
            continue
        subject = lazy_gettext("account '%(key)s': scan", key=account.key)
        if with_cost or account.customers:
            yield check_scan_cost(subject, account, settings, clock)
        else:
            off = lazy_gettext("Scans of customers are off. './run doctor --scan-cost' says what one costs.")
            yield ok(subject, map_text(off, with_program_name))


def check_scan_cost(subject: str, account: AccountSettings, settings: Settings, clock: Clock) -> Check:
    """Estimate what a scan of an account's customers costs."""
    try:
        with open_reader(account, settings, clock) as reader:
            cost = estimate_scan(reader)
    except (ApiError, SettingsError) as error:
        return failed(subject, error)
    if cost is None:
        return warning(
            subject,
            lazy_gettext("amoCRM shows no list of customers."),
            lazy_gettext("Enable customers, or use a token that may read them."),
        )
    off = "" if account.customers else lazy_gettext("Scans are off; docs/customers.md says how to switch them on.")
    return ok(subject, join_texts(describe_cost(cost), off))


def describe_cost(cost: ScanCost) -> LazyText:
    """Describe what a scan costs, and what the vendor says of scans."""
    return lazy_gettext(
        "Customers: %(customers)s. A scan sends about %(requests)s requests in %(minutes)s min and receives "
        "%(megabytes)s MB. amoCRM restricts addresses that read all data without control: scan once a day, at night, "
        "and many accounts one after another.",
        customers=cost.customer_count,
        requests=cost.request_count,
        minutes=max(1, round(cost.seconds / 60)),
        megabytes=max(1, cost.byte_count // 1_000_000),
    )


@contextmanager
def open_reader(account: AccountSettings, settings: Settings, clock: Clock) -> Iterator[ProbeReader]:
    """Open a reader of an account, with a token that was renewed if needed.

    Raises ``ApiError`` and ``SettingsError`` if there is no access. A block of this machine's address is recorded.
    """
    endpoint = endpoint_for(account, settings, clock)
    host = urlsplit(endpoint.base_url).netloc
    raise_if_blocked(settings.data_dir, host, clock.now())
    limits, rate_limiters = limits_for(settings, endpoint.base_url), rate_limiters_for(settings)
    with AmoClient(
        endpoint.base_url,
        endpoint.token,
        account_key=account.key,
        limits=limits,
        rate_limiters=rate_limiters,
        clock=clock,
    ) as client:
        client.fetch_account()
        base_url = client.base_url
    reader = ProbeReader(base_url, endpoint.token, limits=limits, rate_limiters=rate_limiters, clock=clock)
    try:
        with blocks_recorded(settings.data_dir, host, clock):
            yield reader
    finally:
        reader.close()
