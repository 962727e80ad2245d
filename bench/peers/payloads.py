"""Responses for many accounts in successive versions, captured once from the emulator.

Version ``first`` is what a first load sees. In version ``one`` a segment of a hundred has another name, size and values
than before; in version ``all`` all have. Ids are unique among all accounts, as in amoCRM.
"""

from __future__ import annotations

import gzip
import hashlib
import ipaddress
import json
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.one_account import FIELDS, KINDS, OPTIONS, SEGMENTS, value_of
from emulator import Emulator, World
from emulator.messages import Request
from emulator.routes import PATHS

FIRST: Final = "first"
VERSIONS: Final = (FIRST, "one", "all")
"""All versions, in order."""

ROOT: Final = Path(__file__).parents[2]
ASKED: Final[Mapping[str, Mapping[str, str]]] = {
    PATHS["account"]: {"with": "datetime_settings"},
    PATHS["segments"]: {"page": "1", "limit": "250"},
    PATHS["fields"]: {"page": "1", "limit": "250"},
}
"""Requests of each tool."""

TEXTS: Final = ("text", "textarea", "url")
"""Types of fields whose values are text to every tool."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """Expected contents of the database after loading a version of some accounts."""

    segments: int
    segment_sum: int  # of hashes of id, name and size
    values: int  # of fields; those of a multiselect count each
    text_sum: int  # of hashes of segment, field and text, of the values that are text


def host_of(number: int) -> str:
    """The loopback address of an account, counted from 0: each has a host of its own."""
    return str(ipaddress.IPv4Address("127.1.0.1") + number)


def captured(cache: Path, accounts: int) -> Path:
    """A folder with an archive of answers for each version, and what they hold; made where there is none.

    Answers of more accounts serve as well: the first of them are the same.
    """
    sources = [*sorted((ROOT / "emulator").glob("*.py")), Path(__file__)]
    name = f"payloads-{hashlib.sha256(b''.join(source.read_bytes() for source in sources)).hexdigest()[:12]}"
    ready = {int(file.parent.name.rpartition("-")[2]): file.parent for file in cache.glob(f"{name}-*/truth.json")}
    if enough := [number for number in ready if number >= accounts]:
        return ready[min(enough)]
    print(f"Capturing the answers of {accounts} accounts, once.", file=sys.stderr)
    folder = cache / f"{name}-{accounts}"
    folder.mkdir(parents=True, exist_ok=True)
    truths: dict[str, list[Sequence[int]]] = {version: [] for version in VERSIONS}
    archives = {version: zipfile.ZipFile(folder / f"{version}.zip", "w") for version in VERSIONS}
    with Emulator(world=World()) as emulator:
        for number in range(accounts):
            for version, responses in history(emulator, number):
                for path, body in responses.items():
                    archives[version].writestr(host_of(number) + path, body)
                truths[version].append(told_by(json.loads(gzip.decompress(responses[PATHS["segments"]]))))
            emulator.world.accounts.clear()  # ids go on from where they are
    for archive in archives.values():
        archive.close()
    (folder / "truth.json").write_text(json.dumps(truths), encoding="utf-8")
    return folder


def truth(folder: Path, version: str, accounts: int) -> Truth:
    """Expected contents for the first accounts in a version."""
    rows: Sequence[Sequence[int]] = json.loads((folder / "truth.json").read_text(encoding="utf-8"))[version][:accounts]
    segments, segment_sum, values, text_sum = (sum(column) for column in zip(*rows, strict=True))
    return Truth(segments=segments, segment_sum=segment_sum, values=values, text_sum=text_sum)


def history(emulator: Emulator, number: int) -> Iterator[tuple[str, Mapping[str, bytes]]]:
    """Yield a new account's compressed responses, version by version."""
    world = emulator.world
    account_id = world.add_account(f"Shop {number}")
    field_ids = [
        world.add_field(account_id, f"Field {n}", KINDS[n % len(KINDS)], options=OPTIONS.get(KINDS[n % len(KINDS)], ()))
        for n in range(FIELDS)
    ]
    segment_ids = [world.add_segment(account_id, f"Segment {n}") for n in range(SEGMENTS)]
    for edition, version in enumerate(VERSIONS):
        for n in [edition] if version == "one" else range(SEGMENTS):
            world.rename_segment(account_id, segment_ids[n], f"Segment {n} of shop {number}, edition {edition}")
            world.set_size(account_id, segment_ids[n], 1000 + 10 * n + edition)
            for field_id in field_ids:
                value = value_of(world.account(account_id).fields[field_id], n + 7 * edition)
                world.set_field_value(account_id, segment_ids[n], field_id, value)
        yield version, responses(emulator, account_id, host_of(number))


def responses(emulator: Emulator, account_id: int, host: str) -> dict[str, bytes]:
    """Gzipped bodies of an account's responses, by path."""
    headers = {"authorization": f"Bearer {emulator.long_lived_token(account_id)}", "accept-encoding": "gzip"}
    bodies = {}
    for path, query in ASKED.items():
        request = Request(method="GET", path=path, query=dict(query), headers=headers, base_url=f"http://{host}")
        wire = emulator.respond(request)
        assert (wire.status, wire.headers.get("Content-Encoding")) == (200, "gzip"), wire.body
        bodies[path] = wire.body
    return bodies


def told_by(document: Any) -> Sequence[int]:
    """The figures of ``Truth`` for one account's list of segments."""
    segments = document["_embedded"]["segments"]
    values = [
        (segment["id"], field["field_id"], field["field_type"], item["value"])
        for segment in segments
        for field in segment["custom_fields_values"]
        for item in field["values"]
    ]
    return (
        len(segments),
        sum(hashed(segment["id"], segment["name"], segment["customers_count"]) for segment in segments),
        len(values),
        sum(hashed(segment_id, field_id, text) for segment_id, field_id, kind, text in values if kind in TEXTS),
    )


def hashed(*parts: object) -> int:
    """As ``('x' || left(md5(concat_ws(':', parts)), 8))::bit(32)::bigint`` in Postgres."""
    return int(hashlib.md5(":".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()[:8], 16)
