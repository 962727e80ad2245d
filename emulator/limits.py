"""How fast a client may be: so many requests a second, then 429, then a block of everything until it is lifted."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from emulator.effects import HTML
from emulator.messages import Response, problem


@dataclass(kw_only=True, slots=True)
class RateLimit:
    """amoCRM's limit: 7 requests a second for an integration, and a block for who goes on in spite of many 429.

    It measures real time, ``now`` in seconds, since that is what clients spend.
    """

    per_second: int = 7
    retry_after: int = 1  # seconds, as the body of a 429 says
    blocks_after: int | None = None  # how many 429 in a row bring the block; None never blocks
    now: Callable[[], float] = time.monotonic
    is_blocked: bool = False  # set it to False to lift the block, as the vendor's support does
    _allowed: deque[float] = field(default_factory=deque)
    _refused: int = 0

    def refusal(self) -> Response | None:
        """Count a request; the answer that refuses it, or None where it is not too fast."""
        if self.is_blocked:
            return self._block()
        now = self.now()
        while self._allowed and self._allowed[0] <= now - 1:
            self._allowed.popleft()
        if len(self._allowed) < self.per_second:
            self._allowed.append(now)
            self._refused = 0
            return None
        self._refused += 1
        self.is_blocked = self.blocks_after is not None and self._refused >= self.blocks_after
        return self._block() if self.is_blocked else problem(429, "Too Many Requests", retry_after=self.retry_after)

    def _block(self) -> Response:
        page = "<!DOCTYPE html><html><body><h1>403 Forbidden</h1>Your IP address has been blocked</body></html>"
        return Response(status=403, content_type=HTML, body=page.encode())
