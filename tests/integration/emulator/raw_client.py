"""A plain HTTP client of the emulator."""

import http.client

from emulator import Emulator

SEGMENTS = "/api/v4/customers/segments"


class Client:
    """A plain client that hides nothing: status, headers and bytes as they come."""

    def __init__(self, emulator: Emulator, account_id: int) -> None:
        self.connection = http.client.HTTPConnection(emulator.host, timeout=5)
        self.token = emulator.long_lived_token(account_id)

    def get(self, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        self.connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"} | headers)
        response = self.connection.getresponse()
        return response, response.read()
