"""Rate limit: 429 above a number of requests per second, then a block until it is lifted."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from emulator.effects import HTML
from emulator.messages import Response, problem

AMOCRM_REQUESTS_PER_SECOND = 7
"""amoCRM's limit for an integration."""


@dataclass(kw_only=True, slots=True)
class RateLimit:
    """amoCRM's rate limit for an integration, with a block for clients that ignore many 429s.

    It uses real time (``now``, in seconds) instead of the emulator's clock, because clients wait in real time.
    """

    per_second: int = AMOCRM_REQUESTS_PER_SECOND
    retry_after: int = 1  # seconds, in the body of a 429
    blocks_after: int | None = None  # consecutive 429s before the block; None never blocks
    now: Callable[[], float] = time.monotonic
    is_blocked: bool = False  # set it to False to lift the block, as the vendor's support does
    _allowed: deque[float] = field(default_factory=deque)
    _refused: int = 0

    def refusal(self) -> Response | None:
        """Count a request; return the response that refuses it, or None if it is within the limit."""
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
