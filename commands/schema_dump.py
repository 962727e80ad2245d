"""Text of ``sql/schema.sql``: the tables, indexes, triggers and functions that all migrations give."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from pipelines.base.errors import WarehouseError
from pipelines.warehouse.client_environment import client_environment

SCHEMA_FILE: Final = Path("sql/schema.sql")

HEADER: Final = """\
-- The schema that all migrations give, for reading. './run dictionary' writes this file; nothing executes it.
-- Views are in sql/views: Postgres versions print the same view differently.
"""

_OPTIONS: Final = (
    *("--schema-only", "--no-owner", "--no-privileges", "--no-tablespaces", "--no-table-access-method"),
    *("--no-security-labels", "--no-publications", "--no-subscriptions"),
    *(
        "--schema=amocrm",
        "--schema=analytics",
        "--schema=members",
        "--exclude-table=analytics.*",
        "--exclude-table=members.stays",
    ),
)
_SESSION_LINES: Final = re.compile(
    r"^(SET .*;|SELECT pg_catalog\.set_config\(.*\);|\\(un)?restrict .*)\n", re.MULTILINE
)
"""Lines that depend on the version of pg_dump, or are random: a key of ``\\restrict`` differs in each dump."""

_QUOTED_KEYWORDS: Final = re.compile(r'"(json_value|position)"')
"""Columns whose names are keywords of some versions only."""

_HEADINGS: Final = re.compile(r"^--\n(-- .*\n)+--\n|^-- Dumped .*\n", re.MULTILINE)


def dump_schema(address: URL, programs: Path) -> str:
    """Dump the schema of a migrated database with the ``pg_dump`` in ``programs``.

    The text is the same for PostgreSQL 15 to 18 if ``pg_dump`` has the server's version. Raises ``WarehouseError``.
    """
    with client_environment(address, os.environ) as environment:
        result = subprocess.run(
            [programs / "pg_dump", *_OPTIONS], env=environment, capture_output=True, text=True, check=False
        )
    if result.returncode != 0:
        raise WarehouseError(f"pg_dump failed: {result.stderr.strip()}")
    return format_schema(result.stdout)


def format_schema(dump: str) -> str:
    """Remove headings and whatever depends on the version from the text of a dump."""
    statements = _SESSION_LINES.sub("", _HEADINGS.sub("", dump))
    unquoted = _QUOTED_KEYWORDS.sub(r"\1", statements)
    return HEADER + "\n" + re.sub(r"\n{3,}", "\n\n", unquoted).strip() + "\n"
