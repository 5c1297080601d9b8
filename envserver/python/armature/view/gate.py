"""Lets browsers of other machines in: TLS, and a token that a viewer types in once.

Data flow: browser -> TLS -> Gate (cookie?) -> viser on loopback.
Whoever gives the token gets a cookie that holds as long as this process. Without it nothing is
passed on, neither a file nor a websocket.
Thread safety: all methods; connections live on a thread of the gate's own.
Bounds: connections, and the bytes and seconds that a request's head may take.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import http.cookies
import secrets
import ssl
import threading
import urllib.parse

from armature.address import Address
from armature.errors import ArmatureError
from armature.identity import TransportOptions, read_secrets

_CONNECTIONS_MAX = 64
_HEAD_BYTES_MAX = 16 << 10
_BODY_BYTES_MAX = 4 << 10
_HEAD_TIMEOUT_S = 10.0
_COPIED_BYTES = 64 << 10
_COOKIE = "armature_view"
_FORM = """<!doctype html><meta charset="utf-8"><title>Armature</title>
<body style="font-family:sans-serif;margin:4em"><form method="post" action="/">
<label>Token: <input name="token" type="password" autofocus></label>
<button>Watch</button></form><p>%s</p></body>"""


class Gate:
    """Listens at `listen`, and passes on to the loopback port `inner`.

    ArmatureError: a file is missing or cannot be used, or `listen` is taken.
    """

    def __init__(
        self, listen: Address, inner: int, certificate: str, key: str, token_file: str
    ) -> None:
        options = TransportOptions(tls_certificate=certificate, tls_key=key, token_file=token_file)
        self._token = read_secrets(options).token.encode()
        self._cookie = secrets.token_hex(16)
        self._inner = inner
        self._connections = 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate, key)
        self._loop = asyncio.new_event_loop()
        try:
            self._server = self._loop.run_until_complete(
                asyncio.start_server(
                    self._on_connection,
                    listen.host,
                    listen.port,
                    ssl=context,
                    ssl_handshake_timeout=_HEAD_TIMEOUT_S,
                    limit=_HEAD_BYTES_MAX,
                )
            )
        except OSError as error:
            self._loop.close()
            raise ArmatureError(f"cannot listen on {listen}: {error.strerror}") from None
        self.port = int(self._server.sockets[0].getsockname()[1])
        self._thread = threading.Thread(target=self._loop.run_forever, name="gate", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _on_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._connections += 1
        try:
            if self._connections <= _CONNECTIONS_MAX:
                await self._serve(reader, writer)
        except (OSError, EOFError, ValueError, asyncio.TimeoutError, asyncio.LimitOverrunError):
            pass  # It has gone, was silent for too long, or speaks no HTTP.
        finally:
            self._connections -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request; a websocket lasts until one side ends it."""
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_TIMEOUT_S)
        method, headers = _parsed(head)
        if self._knows(headers):
            await self._pass_on(head, reader, writer)
        elif method == "POST":
            size = int(headers.get("content-length", "0"))
            if not 0 <= size <= _BODY_BYTES_MAX:
                raise ValueError("a body of that size")
            body = await asyncio.wait_for(reader.readexactly(size), _HEAD_TIMEOUT_S)
            given = urllib.parse.parse_qs(body.decode()).get("token", [""])[0]
            if hmac.compare_digest(given.encode(), self._token):
                cookie = f"{_COOKIE}={self._cookie}; Path=/; HttpOnly; Secure; SameSite=Strict"
                await _answer(
                    writer, "303 See Other", "", f"Location: /\r\nSet-Cookie: {cookie}\r\n"
                )
            else:
                await _answer(writer, "401 Unauthorized", _FORM % "That is not the token.")
        else:
            await _answer(writer, "401 Unauthorized", _FORM % "")

    def _knows(self, headers: dict[str, str]) -> bool:
        cookies = http.cookies.SimpleCookie()
        with contextlib.suppress(http.cookies.CookieError):
            cookies.load(headers.get("cookie", ""))
        given = cookies[_COOKIE].value if _COOKIE in cookies else ""
        return hmac.compare_digest(given.encode(), self._cookie.encode())

    async def _pass_on(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._inner)
        inner_writer.write(head)
        copies = [
            asyncio.ensure_future(_copy(reader, inner_writer)),
            asyncio.ensure_future(_copy(inner_reader, writer)),
        ]
        try:  # viser closes after each file, so a connection never has a second request.
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for copy in copies:
                copy.cancel()
            await asyncio.gather(*copies, return_exceptions=True)
            inner_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while part := await reader.read(_COPIED_BYTES):
        writer.write(part)
        await writer.drain()


async def _answer(writer: asyncio.StreamWriter, status: str, body: str, headers: str = "") -> None:
    content = body.encode()
    writer.write(
        f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\n{headers}"
        f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode()
        + content
    )
    await writer.drain()


def _parsed(head: bytes) -> tuple[str, dict[str, str]]:
    """Method, and headers in lower case. ValueError: no HTTP."""
    lines = head.decode("latin-1").split("\r\n")
    method, _, _ = lines[0].split(" ", 2)
    headers = {}
    for line in filter(None, lines[1:]):
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError("a header without a colon")
        headers[name.strip().lower()] = value.strip()
    return method, headers
