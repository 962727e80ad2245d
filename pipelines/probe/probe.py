"""Probe of one account: all findings, their text for an issue, and the file in which they are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from pipelines.base.atomic_file import replace_file
from pipelines.base.bounded_file import read_json
from pipelines.base.errors import SettingsError
from pipelines.probe.account import has_filter_option, mode_of, probe_account, read_account
from pipelines.probe.customers import probe_customers
from pipelines.probe.events import probe_events
from pipelines.probe.finding import UNKNOWN, Finding
from pipelines.probe.lists import (
    FIELDS,
    SEGMENTS,
    STAGES,
    ProbedList,
    first_page,
    only_list_of_other_mode,
    probe_list,
)
from pipelines.probe.reader import ProbeReader, Reading
from pipelines.probe.sizes import Sizes, compare_sizes, read_sizes

LISTS: Final[dict[str, tuple[ProbedList, ...]]] = {
    "segments": (SEGMENTS, FIELDS),
    "dynamic": (SEGMENTS, FIELDS),
    "periodicity": (STAGES,),
}
OTHER_LIST: Final = {"segments": STAGES, "dynamic": STAGES, "periodicity": SEGMENTS}
SUBJECT_WIDTH, NAME_WIDTH = 10, 27


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeResult:
    """Findings of one probe. ``sizes`` stay on this machine, for the next probe to compare with."""

    findings: Sequence[Finding]
    request_count: int
    probed_at: datetime
    sizes: Sizes = field(default_factory=dict)

    def observed(self, subject: str, name: str) -> str | None:
        """Return one finding, or None if it was not made."""
        return next((one.observed for one in self.findings if (one.subject, one.name) == (subject, name)), None)

    def describe(self) -> str:
        """Describe the findings in a text for an issue: without ids, names, hosts and times."""
        lines = [f"{self.request_count} requests, all of them GET. ≠ marks what loads are not made for."]
        for one in self.findings:
            mark = " " if one.is_expected else "≠"
            expected = "" if one.is_expected else f"   (expected: {' or '.join(one.expected)})"
            lines.append(f"{mark} {one.subject:{SUBJECT_WIDTH}}{one.name:{NAME_WIDTH}}{one.observed}{expected}")
        return "\n".join(lines)


def probe(reader: ProbeReader, earlier: ProbeResult | None = None) -> ProbeResult:
    """Probe an account by reading only. Raises ``ApiError`` if no request makes sense any longer."""
    sizes: dict[str, tuple[int, int]] = {}
    findings = list(_probe(reader, earlier, sizes))
    return ProbeResult(findings=findings, request_count=reader.request_count, probed_at=reader.clock.now(), sizes=sizes)


def _probe(reader: ProbeReader, earlier: ProbeResult | None, sizes: dict[str, tuple[int, int]]) -> Iterator[Finding]:
    """Yield all findings, and add the sizes that were seen."""
    account = read_account(reader)
    yield from probe_account(account, reader.clock.now())
    mode = mode_of(account)
    for probed in LISTS.get(mode, ()):
        page, limit = first_page(reader, probed)
        if not page.is_usable:
            yield Finding(subject=probed.name, name="access", observed=page.describe(), expected=("200 with rows",))
            continue
        yield from probe_list(reader, probed, page, limit)
        if probed is SEGMENTS and page.rows:
            sizes.update(read_sizes(page))
            yield compare_sizes(earlier.sizes if earlier else {}, sizes)
            yield Finding(subject=probed.name, name="enum_code", observed=_enum_code(page))
    if mode in OTHER_LIST:
        yield only_list_of_other_mode(reader, OTHER_LIST[mode])
    yield from probe_customers(reader, has_filter=has_filter_option(account))
    yield from probe_events(reader)
    yield Finding(subject="writes", name="200 or 201", observed=f"{UNKNOWN}: none is sent; apply takes both, and 202")


def _enum_code(page: Reading) -> str:
    """Find out whether options of fields come with a code."""
    text = json.dumps([row.get("custom_fields_values") for row in page.rows], default=str)
    if '"enum_id"' not in text:
        return UNKNOWN
    return "beside enum_id" if '"enum_code"' in text else "none"


def probe_file(data_dir: Path, account_key: str) -> Path:
    """Return the file that keeps the findings of an account."""
    return data_dir / "probe" / f"{account_key}.json"


def write_result(file: Path, result: ProbeResult) -> None:
    """Keep the findings for later loads. Raises ``SettingsError`` if the file cannot be written."""
    contents = asdict(result) | {"probed_at": result.probed_at.isoformat()}
    try:
        replace_file(file, json.dumps(contents, indent=1).encode())
    except OSError as error:
        raise SettingsError(f"The findings cannot be written to {file}: {error.strerror}.") from None


def read_result(file: Path) -> ProbeResult | None:
    """Return what the last probe found; None if there was none or its file is invalid."""
    try:
        contents = read_json(file)
        return ProbeResult(
            findings=[
                Finding(
                    subject=str(one["subject"]),
                    name=str(one["name"]),
                    observed=str(one["observed"]),
                    expected=tuple(map(str, one["expected"])),
                )
                for one in contents["findings"]
            ],
            request_count=contents["request_count"],
            probed_at=datetime.fromisoformat(contents["probed_at"]),
            sizes={key: (count, updated_at) for key, (count, updated_at) in contents["sizes"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
