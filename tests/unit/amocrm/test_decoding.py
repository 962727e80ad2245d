"""Decompression stops at the size limit."""

from __future__ import annotations

import gzip
import tracemalloc

from pipelines.amocrm.body_decoder import BodyDecoder


def test_a_bomb_takes_no_more_memory_than_the_bound() -> None:
    bomb = gzip.compress(bytes(20_000_000))
    decoder = BodyDecoder("gzip", 100_000)
    tracemalloc.start()
    try:
        decoder.feed(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert decoder.defect == "the body is larger than 100,000 bytes"
    assert peak < 1_000_000
