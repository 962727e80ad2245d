"""Decoder of response bodies: joins chunks and decompresses gzip up to a size limit."""

from __future__ import annotations

import zlib


class BodyDecoder:
    """Join chunks and decompress gzip up to ``limit`` bytes; ``defect`` says what is wrong, if anything."""

    def __init__(self, encoding: str, limit: int) -> None:
        self.defect: str | None = None
        self._limit = limit
        self._chunks: list[bytes] = []
        self._size = 0
        self._gzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS) if encoding.strip().lower() == "gzip" else None
        if self._gzip is None and encoding.strip().lower() not in ("", "identity"):
            self.defect = "the body has an encoding that was not requested"

    @property
    def body(self) -> bytes:
        """Decoded bytes so far."""
        return b"".join(self._chunks)

    def feed(self, chunk: bytes) -> None:
        """Decode one chunk as received."""
        if self._gzip is not None:
            try:
                chunk = self._gzip.decompress(chunk, self._limit - self._size + 1)
            except zlib.error:
                self.defect = "the body is not gzip, or is damaged"
                return
            if self._gzip.unused_data:
                self.defect = "there is data after the end of the body's gzip"
        self._size += len(chunk)
        if self._size > self._limit:
            self.defect = f"the body is larger than {self._limit:,} bytes"
            return
        self._chunks.append(chunk)

    def finish(self) -> str | None:
        """Return what is wrong with the complete body, or None. An empty body is valid."""
        is_cut = self._gzip is not None and self._chunks and not self._gzip.eof
        return "the body's gzip is cut short" if is_cut else None
