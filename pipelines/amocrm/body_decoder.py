"""Decoder of response bodies: joins chunks and decompresses gzip up to a size limit."""

from __future__ import annotations

import zlib
from typing import Final

_MAGIC: Final = b"\x1f\x8b"
"""First bytes of a gzip member."""


class BodyDecoder:
    """Join chunks and decompress gzip up to ``limit`` bytes; ``defect`` says what is wrong, if anything."""

    def __init__(self, encoding: str, limit: int) -> None:
        self.defect: str | None = None
        self._limit = limit
        self._chunks: list[bytes] = []
        self._size = 0
        encodings = [name for part in encoding.split(",") if (name := part.strip().lower()) not in ("", "identity")]
        self._gzip = _new_member() if encodings in (["gzip"], ["x-gzip"]) else None
        self._is_unknown = bool(encodings) and self._gzip is None

    @property
    def body(self) -> bytes:
        """Decoded bytes so far."""
        return b"".join(self._chunks)

    def feed(self, chunk: bytes) -> None:
        """Decode one chunk as received."""
        if self._is_unknown:
            self.defect = "the body has an encoding that was not requested"
            return
        if self._gzip is not None:
            try:
                chunk = self._decompress(self._gzip, chunk)
            except zlib.error:
                self.defect = "the body is not gzip, or is damaged"
                return
        self._size += len(chunk)
        if self._size > self._limit:
            self.defect = f"the body is larger than {self._limit:,} bytes"
            return
        self._chunks.append(chunk)

    def _decompress(self, member: zlib._Decompress, data: bytes) -> bytes:
        """Decompress a chunk, which may end a gzip member and begin others (RFC 1952, 2.2); zeros may pad the last.

        Raises ``zlib.error``.
        """
        parts: list[bytes] = []
        room = self._limit - self._size + 1  # one byte over the limit, by which ``feed`` notices
        while room > 0:
            if member.eof:
                data = data.lstrip(b"\0")
                if data and not _MAGIC.startswith(data[:2]):
                    self.defect = "there is data after the end of the body's gzip"
                    break
                member = _new_member() if data else member
            if not data:
                break
            parts.append(member.decompress(data, room))
            room -= len(parts[-1])
            data = member.unused_data
        self._gzip = member
        return b"".join(parts)

    def finish(self) -> str | None:
        """Return what is wrong with the complete body, or None. An empty body is valid."""
        is_cut = self._gzip is not None and self._chunks and not self._gzip.eof
        return "the body's gzip is cut short" if is_cut else None


def _new_member() -> zlib._Decompress:
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
