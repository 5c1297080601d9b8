"""viser's server, kept to this machine.

Thread safety: as viser's.
"""

from __future__ import annotations

import contextlib
import io
import os
import urllib.parse
from collections.abc import Iterator
from typing import Any

import viser

from armature.address import Address

# RFC 6455: what the peer does is against the rules of this server.
_AGAINST_THE_RULES = 1008


class ViewerServer(viser.ViserServer):
    """`behind_gate`: whoever connects has been let in by a Gate, from wherever it is."""

    def __init__(self, host: str, port: int, *, behind_gate: bool = False) -> None:
        super().__init__(host, port, verbose=False)
        if not behind_gate:
            self._websock_server.on_client_connect(self._refuse_strangers)
            self._websock_server.disconnect_all_clients()  # Who was faster than this.

    def request_share_url(self, verbose: bool = True) -> str | None:
        """None: there is no tunnel that makes the page public. A browser could ask for it, too."""
        return None

    async def _refuse_strangers(self, client: Any) -> None:
        """Ends connections that pages of other sites begin, in a browser of this machine."""
        connection = self._websock_server._live_connections[client.client_id]
        origin = connection.request.headers.get("Origin") if connection.request else None
        if origin is not None and not is_of_this_machine(origin):
            await connection.close(_AGAINST_THE_RULES, "a page of another site")


@contextlib.contextmanager
def running_server(host: str, port: int, *, behind_gate: bool = False) -> Iterator[ViewerServer]:
    """Without viser's own words; where `port` is in use, it takes the next one."""
    os.environ.pop("_VISER_PORT_OVERRIDE", None)
    with contextlib.redirect_stdout(io.StringIO()):
        server = ViewerServer(host, port, behind_gate=behind_gate)
    try:
        yield server
    finally:
        with contextlib.redirect_stdout(io.StringIO()):
            server.stop()


def is_of_this_machine(origin: str) -> bool:
    """Whether a page came from loopback, as also one through `ssh -L` does."""
    try:
        host = urllib.parse.urlsplit(origin).hostname
    except ValueError:
        return False
    return host is not None and Address(host, 0).is_loopback
