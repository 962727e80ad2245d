"""A body as it comes over the wire, put together and freed of gzip within a bound.

Nothing is known of HTTP here.
"""

from __future__ import annotations

import zlib


class BodyDecoder:
    """Puts a body together and undoes gzip, within a bound, noticing what is cut short or damaged."""

    def __init__(self, encoding: str, limit: int) -> None:
        self.defect: str | None = None
        self._limit = limit
        self._chunks: list[bytes] = []
        self._size = 0
        self._gzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS) if encoding.strip().lower() == "gzip" else None
        if self._gzip is None and encoding.strip().lower() not in ("", "identity"):
            self.defect = "the body has an encoding that was not asked for"

    @property
    def body(self) -> bytes:
        """What has come so far."""
        return b"".join(self._chunks)

    def feed(self, chunk: bytes) -> None:
        """Take a piece as it came over the wire."""
        if self._gzip is not None:
            try:
                chunk = self._gzip.decompress(chunk, self._limit - self._size + 1)
            except zlib.error:
                self.defect = "the body is not gzip, or is damaged"
                return
            if self._gzip.unused_data:
                self.defect = "something follows the end of the body's gzip"
        self._size += len(chunk)
        if self._size > self._limit:
            self.defect = f"the body is larger than {self._limit:,} bytes"
            return
        self._chunks.append(chunk)

    def finish(self) -> str | None:
        """What is wrong with the body once all of it has come; a body that never began is empty."""
        is_cut = self._gzip is not None and self._chunks and not self._gzip.eof
        return "the body's gzip is cut short" if is_cut else None
