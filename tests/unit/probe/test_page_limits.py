"""Page sizes from the file of a probe: hints that never harm."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.probe.finding import Finding
from pipelines.probe.lists import LARGEST_LIMIT, LARGEST_PAGE
from pipelines.probe.page_limits import probed_page_limits
from pipelines.probe.probe import ProbeResult, probe_file, write_result


def found(name: Any, observed: Any) -> dict[str, Any]:
    """A finding about customers as the file holds it."""
    return {"subject": "customers", "name": name, "observed": observed, "expected": []}


def file_of(folder: Path, findings: Any) -> Path:
    """A file with these findings."""
    file = probe_file(folder, "main")
    file.parent.mkdir()
    contents = {"findings": findings, "request_count": 1, "probed_at": "2026-03-01T00:00:00+00:00", "sizes": {}}
    file.write_text(json.dumps(contents))
    return file


def test_the_smaller_one_of_limit_and_page_counts(tmp_path: Path) -> None:
    findings = [
        Finding(subject=subject, name=name, observed=observed)
        for subject, name, observed in (
            ("customers", LARGEST_LIMIT, "100"),
            ("customers", LARGEST_PAGE, "50 rows"),
            ("segments", LARGEST_LIMIT, "10"),
            ("segments", LARGEST_PAGE, "cannot tell"),
            ("stages", LARGEST_LIMIT, "250"),
            ("fields", "access", "403"),
        )
    ]
    result = ProbeResult(findings=findings, request_count=1, probed_at=datetime(2026, 3, 1, tzinfo=UTC))
    write_result(probe_file(tmp_path, "main"), result)
    assert probed_page_limits(tmp_path, "main") == {"customers": 50, "segments": 10}
    assert probed_page_limits(tmp_path, "other") == {}


@pytest.mark.parametrize("observed", ["0", "-1", "1e3", "9" * 5_000, "٥", "", "50\nrows", None, 7.5, [50], {"a": 1}])
def test_values_that_are_no_page_size_are_ignored(tmp_path: Path, observed: Any) -> None:
    file_of(tmp_path, [found(LARGEST_LIMIT, observed)])
    assert probed_page_limits(tmp_path, "main") == {}


@pytest.mark.parametrize(
    "findings", [7, None, "text", [7], [{}], [None], {"a": 1}, [found("a", "x") | {"expected": 1}]]
)
def test_damaged_findings_are_ignored(tmp_path: Path, findings: Any) -> None:
    file_of(tmp_path, findings)
    assert probed_page_limits(tmp_path, "main") == {}


@pytest.mark.parametrize("contents", [b"", b"[]", b"\xff\xfe", b"[" * 100_000, b"{", b" " * 2_000_000])
def test_damaged_files_are_ignored(tmp_path: Path, contents: bytes) -> None:
    file_of(tmp_path, []).write_bytes(contents)
    assert probed_page_limits(tmp_path, "main") == {}


def test_a_pipe_in_place_of_the_file_is_ignored(tmp_path: Path) -> None:
    file = file_of(tmp_path, [])
    file.unlink()
    os.mkfifo(file)
    assert probed_page_limits(tmp_path, "main") == {}
