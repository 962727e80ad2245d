"""Digests of a load's responses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.amocrm.models import RawResponse, Resource
from pipelines.amocrm.response_digest import ResponseDigest, digest_responses
from tests.unit.amocrm.raw_responses import raw_response


def responses() -> list[RawResponse]:
    """Of a load of a key that is new: the account twice, and two lists."""
    account = {"id": 1}
    return [
        raw_response(0, "account", account),
        raw_response(1, "account", account),
        raw_response(2, "segments", {}),
        raw_response(3, "fields", {}),
    ]


def test_each_request_has_one_digest() -> None:
    said = digest_responses(responses())
    assert said
    assert [(one.resource, one.page) for one in said] == [("account", None), ("segments", 1), ("fields", 1)]
    assert [ResponseDigest.from_json(one.as_json()) for one in said] == list(said)


def test_of_several_answers_the_last_is_the_usable_one() -> None:
    account, _, segments, fields = responses()
    refused = replace(segments, is_accepted=False, status=429, body_hash=b"other")
    assert digest_responses([account, refused, segments, fields]) == digest_responses([account, segments, fields])


def test_no_digests_of_an_account_that_changed_during_the_load() -> None:
    account, again, *lists = responses()
    assert digest_responses([account, replace(again, body_hash=b"another name"), *lists]) is None


@pytest.mark.parametrize("resource", ["segment", "field", "stage"])
def test_no_digests_of_a_load_with_confirmations(resource: Resource) -> None:
    assert digest_responses([*responses(), raw_response(4, resource, {}, thing_id=7)]) is None
