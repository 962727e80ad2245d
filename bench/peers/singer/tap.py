"""The accounts as a Singer tap, made with the Meltano SDK: streams of flat rows, a partition for each account.

https://sdk.meltano.com/en/latest/partitioning.html. Rows are appended: the streams have no keys, since a target that is
given keys overwrites what it holds. A stream asks for itself, so segments are asked for twice, once for their values.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import requests
from amo import ACCOUNT, FIELDS, PAGE, SEGMENTS, account_row, accounts, field_row, option_rows, segment_row, value_rows
from singer_sdk import RESTStream, Stream, Tap
from singer_sdk import typing as th

NOW = datetime.now(UTC).isoformat()
ACCOUNTS = {one.url: one for one in accounts()}


def schema(texts: str, numbers: str, *, floats: str = "", booleans: str = "") -> dict[str, Any]:
    """A schema of columns, all of which may be empty."""
    kinds = ((texts, th.StringType), (numbers, th.IntegerType), (floats, th.NumberType), (booleans, th.BooleanType))
    named = [th.Property(name, kind) for names, kind in kinds for name in names.split()]
    return th.PropertiesList(*named, th.Property("observed_at", th.DateTimeType)).to_dict()


class OfAccount(RESTStream[Any]):
    """A stream that is asked for account by account."""

    state_partitioning_keys: list[str] = []  # noqa: RUF012  # nothing is to be remembered of a partition
    asked = PAGE

    @property
    def partitions(self) -> list[dict[str, str]]:
        """A partition for each account."""
        return [{"url": url} for url in ACCOUNTS]

    @property
    def url_base(self) -> str:
        """Each partition has its own: see ``get_url``."""
        return ""

    def get_url(self, context: Any) -> str:
        """Where the account is."""
        return context["url"] + self.path

    def get_url_params(self, context: Any, next_page_token: Any) -> dict[str, Any]:  # noqa: ARG002
        """The most that a page holds."""
        return self.asked

    def prepare_request(self, context: Any, next_page_token: Any) -> requests.PreparedRequest:
        """With the account's own token."""
        prepared = super().prepare_request(context, next_page_token)
        prepared.headers.update(ACCOUNTS[context["url"]].headers)
        return prepared

    def items(self, response: requests.Response) -> list[dict[str, Any]]:
        """What the list holds."""
        return response.json()["_embedded"][self.path.rpartition("/")[2]]

    def post_process(self, row: dict[str, Any], context: Any = None) -> dict[str, Any]:  # noqa: ARG002
        """The row without the partition."""
        row.pop("url", None)
        return row


class Accounts(OfAccount):
    """The accounts themselves."""

    name = "accounts"
    path = ACCOUNT
    asked = {}  # noqa: RUF012
    schema = schema("name subdomain country currency customers_mode", "id")

    def parse_response(self, response: requests.Response) -> Iterable[dict[str, Any]]:
        """One row."""
        yield account_row(response.json(), NOW)


class Segments(OfAccount):
    """Segments without their fields."""

    name = "segments"
    path = SEGMENTS
    schema = schema("name color", "account_id id created_at updated_at customers_count")

    def parse_response(self, response: requests.Response) -> Iterable[dict[str, Any]]:
        """A row for each."""
        return (segment_row(segment, NOW) for segment in self.items(response))


class Values(OfAccount):
    """Values of segments' fields."""

    name = "values"
    path = SEGMENTS
    schema = schema(
        "field_type text_value",
        "account_id segment_id field_id position enum_id",
        floats="number_value",
        booleans="boolean_value",
    )

    def parse_response(self, response: requests.Response) -> Iterable[dict[str, Any]]:
        """A row for each."""
        return (row for segment in self.items(response) for row in value_rows(segment, NOW))


class Fields(OfAccount):
    """Definitions of fields."""

    name = "fields"
    path = FIELDS
    schema = schema("name code type", "account_id id sort")

    def parse_response(self, response: requests.Response) -> Iterable[dict[str, Any]]:
        """A row for each."""
        return (field_row(field, NOW) for field in self.items(response))


class Options(OfAccount):
    """Options of fields."""

    name = "options"
    path = FIELDS
    schema = schema("value", "account_id field_id id sort")

    def parse_response(self, response: requests.Response) -> Iterable[dict[str, Any]]:
        """A row for each."""
        return (row for field in self.items(response) for row in option_rows(field, NOW))


class AmoTap(Tap):
    """The tap."""

    name = "tap-amo"
    config_jsonschema = th.PropertiesList().to_dict()

    def discover_streams(self) -> list[Stream]:
        """All streams."""
        return [stream(self) for stream in (Accounts, Segments, Values, Fields, Options)]


if __name__ == "__main__":
    AmoTap.cli()
