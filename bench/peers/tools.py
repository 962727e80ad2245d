"""All tools that are compared, in the order in which they take turns."""

from __future__ import annotations

from typing import Final

from bench.peers.floors import COPY, IMPORTS, READ
from bench.peers.ours import DAGSTER, OURS
from bench.peers.theirs import (
    DBT_SNAPSHOT,
    DLT_APPEND,
    DLT_ARROW,
    DLT_SCD2,
    DLT_SCD2_ARROW,
    DLT_SCD2_TUNED,
    PANDAS_COPY,
    PANDAS_INSERT,
    SINGER,
)

TOOLS: Final = (
    OURS,
    DAGSTER,
    DLT_SCD2,
    DLT_SCD2_TUNED,
    DLT_SCD2_ARROW,
    DBT_SNAPSHOT,
    DLT_APPEND,
    DLT_ARROW,
    PANDAS_INSERT,
    PANDAS_COPY,
    SINGER,
    IMPORTS,
    READ,
    COPY,
)
