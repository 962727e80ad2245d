"""Emulator: a world with faults and a rate limit, at a loopback port."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import TracebackType

from emulator import admin, tokens
from emulator.admission import refusal
from emulator.calls import read_bearer_token
from emulator.clock import Clock
from emulator.effects import HTML
from emulator.faults import Faults
from emulator.limits import RateLimit
from emulator.listener import LOOPBACK, Listener
from emulator.messages import Request, Response, problem
from emulator.responses import respond
from emulator.simulation import Simulation
from emulator.tokens import Token
from emulator.wire_response import WireResponse, encode
from emulator.world import World

LOG_LENGTH = 100_000
"""Maximum number of logged requests, so that an emulator can run for months."""


class Emulator:
    """Emulated amoCRM at a loopback port, as a context manager. All data are simulated.

    ::

        with Emulator() as emulator:
            account_id = emulator.world.add_account("Corner Coffee")
            token = emulator.long_lived_token(account_id)
            requests.get(f"{emulator.url}/api/v4/account", headers={"Authorization": f"Bearer {token}"})

    One emulator serves any number of accounts; the bearer token selects the account. Each simulation is
    advanced to the clock's time before each response, and its account gets 503 during its outages.
    """

    def __init__(
        self,
        *,
        world: World | None = None,
        clock: Clock | None = None,
        simulations: Sequence[Simulation] = (),
        limit: RateLimit | None = None,
        port: int = 0,
    ) -> None:
        if world is not None and clock is not None and world.clock is not clock:
            raise ValueError("the world has a clock of its own: pass one of the two")
        self.world = world or World(clock=clock)
        self.simulations = simulations
        self.limit = limit
        self.faults = Faults()
        self.requests: list[Request] = []  # log of received requests, oldest first
        self._port = port
        self._listener: Listener | None = None
        self._more_listeners: list[Listener] = []

    @property
    def clock(self) -> Clock:
        """Clock of the emulated amoCRM."""
        return self.world.clock

    @property
    def host(self) -> str:
        """Host and port, for settings that name a host."""
        if self._listener is None:
            raise RuntimeError("the emulator is not running")
        return f"{LOOPBACK}:{self._listener.port}"

    @property
    def url(self) -> str:
        """Base URL, such as ``http://127.0.0.1:41234``."""
        return f"http://{self.host}"

    def start(self) -> Emulator:
        """Start to listen; this determines the port."""
        self._listener = Listener(self.respond, self._port)
        return self

    def add_host(self, port: int = 0) -> str:
        """Listen at another port too, as the host of another account, and return host and port."""
        self._more_listeners.append(Listener(self.respond, port))
        return f"{LOOPBACK}:{self._more_listeners[-1].port}"

    def stop(self) -> None:
        """Close all ports and every connection. Stopping twice is no error."""
        listeners = [*self._more_listeners, *([self._listener] if self._listener else [])]
        self._listener, self._more_listeners = None, []
        for listener in listeners:
            listener.close()

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def long_lived_token(self, account_id: int, expires_at: datetime | None = None, *, is_admin: bool = True) -> str:
        """Return a long-lived token of an account, valid until ``expires_at`` (default: five years from now)."""
        account, now = self.world.account(account_id), self.world.now()
        token = Token(
            id=f"{self.world.allocate_id('token'):032x}",
            account_id=account_id,
            user_id=account.admin_id if is_admin else account.user_id,
            issued_at=now,
            expires_at=expires_at or now + timedelta(days=5 * 365),
            api_domain=self.host,
            client_id="long-lived",
        )
        return tokens.write(token, self.world.secret)

    def respond(self, request: Request) -> WireResponse:
        """Log a request and return the response, with the effects of active faults."""
        if refused := refusal(request.method, request.headers):
            return encode(problem(403, refused), request, self.world.now())
        if request.path.startswith(admin.PREFIX):
            return encode(admin.respond(self, request), request, self.world.now())
        with self.world.lock:
            now = self.world.now()
            request = replace(request, at=now)
            self._log(request)
            token = read_bearer_token(self.world, request)
            effects = self.faults.effects_for(request, token.account_id if token else None)
            for effect in effects:
                if effect.before_response is not None:
                    effect.before_response(self.world)
            for simulation in self.simulations:
                simulation.advance(self.world, now)
            response = self._refusal(now, token) or respond(self.world, request)
        for effect in effects:
            if effect.payload is not None and response.status == 200:
                response = replace(response, payload=effect.payload(copy.deepcopy(response.payload)))
        for effect in effects:
            if effect.response is not None:
                response = effect.response(response)
        wire = encode(response, request, now)
        for effect in effects:
            if effect.wire is not None:
                wire = effect.wire(wire)
        return wire

    def _refusal(self, now: datetime, token: Token | None) -> Response | None:
        """Return the response during an outage of the account or above the rate limit; None otherwise."""
        if any(
            one.is_outage_at(now) for one in self.simulations if token is None or token.account_id == one.account_id
        ):
            return Response(
                status=503, content_type=HTML, body=b"<html><h1>503 Service Temporarily Unavailable</h1></html>"
            )
        return self.limit.refusal() if self.limit is not None else None

    def _log(self, request: Request) -> None:
        if len(self.requests) >= LOG_LENGTH:
            del self.requests[: LOG_LENGTH // 2]
        self.requests.append(request)
