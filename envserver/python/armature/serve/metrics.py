"""The server's Prometheus series, by the names of the C++ one, and who serves them.

Thread safety: all methods; HTTP requests are answered on threads of their own.
"""

from __future__ import annotations

import http.server
import os
import platform
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Sequence
from typing import ClassVar

import grpc

import armature
from armature.address import Address, parse_address
from armature.errors import ArmatureError
from armature.serve.slot_worker import Cause

# Read by prometheus_client when it is imported: no "_created" series beside each.
os.environ.setdefault("PROMETHEUS_DISABLE_CREATED_SERIES", "true")

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from armature.serve.process_usage import ProcessUsage

# Seconds, about three a decade; equal to common/metrics/metrics.cc.
_DURATION_BUCKETS = (
    *(50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3),
    *(100e-3, 200e-3, 500e-3, 1, 2, 5, 10, 20, 60),
)
_REFUSAL_CODES = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.DEADLINE_EXCEEDED,
)


class ServerMetrics:
    def __init__(self, env_ids: Sequence[str]) -> None:
        self._registry = registry = CollectorRegistry()
        build = Gauge(
            "armature_build_info",
            "Always 1; the labels tell what runs.",
            ["role", "version", "compiler"],
            registry=registry,
        )
        compiler = f"{platform.python_implementation()} {platform.python_version()}"
        build.labels("envserver", armature.__version__, compiler).set(1)
        Gauge(
            "armature_process_start_time_seconds",
            "When the process started, since the epoch.",
            registry=registry,
        ).set(time.time())
        registry.register(ProcessUsage())
        self.step_duration = Histogram(
            "armature_envserver_step_duration_seconds",
            "From an action batch's arrival to its step batch, all slots of the group.",
            buckets=_DURATION_BUCKETS,
            registry=registry,
        )
        self.actions_wait = Histogram(
            "armature_envserver_actions_wait_seconds",
            "How long the slots of a group waited for the client's actions.",
            buckets=_DURATION_BUCKETS,
            registry=registry,
        )
        self.sessions = Gauge("armature_envserver_sessions", "Sessions open.", registry=registry)
        self.slots_in_use = Gauge(
            "armature_envserver_slots_in_use", "Environments that sessions hold.", registry=registry
        )
        self.slots_total = Gauge(
            "armature_envserver_slots",
            "Environments that this server will host at once.",
            registry=registry,
        )
        self.leases_expired = Counter(
            "armature_envserver_leases_expired_total",
            "Sessions ended because their client was silent.",
            registry=registry,
        )
        restarts = Counter(
            "armature_envserver_slot_restarts_total",
            "Simulators replaced, by what was wrong with the old one.",
            ["cause"],
            registry=registry,
        )
        self._restarts: dict[Cause, Counter] = {
            cause: restarts.labels(cause.name.lower()) for cause in Cause if cause is not Cause.NONE
        }
        steps = Counter(
            "armature_envserver_steps_total", "Control steps simulated.", ["env"], registry=registry
        )
        self._steps = {env_id: steps.labels(env_id) for env_id in env_ids}
        outside = Counter(
            "armature_envserver_observations_outside_bounds_total",
            "Observations of which a value lay outside the bounds that their space declares.",
            ["env"],
            registry=registry,
        )
        self._outside = {env_id: outside.labels(env_id) for env_id in env_ids}
        episodes = Counter(
            "armature_envserver_episodes_total", "Episodes ended.", ["env"], registry=registry
        )
        self._episodes = {env_id: episodes.labels(env_id) for env_id in env_ids}
        refusals = Counter(
            "armature_envserver_refusals_total",
            "Sessions and calls refused, by status.",
            ["reason"],
            registry=registry,
        )
        self._refusals = {code: refusals.labels(code.name.lower()) for code in _REFUSAL_CODES}

    def count_step(
        self, env_id: str, slots: int, episodes: int, outside: int, causes: Sequence[Cause]
    ) -> None:
        """`slots` have stepped (0 where they only began); `episodes` have ended; `outside`
        observations were out of bounds."""
        if slots:
            self._steps[env_id].inc(slots)
        if episodes:
            self._episodes[env_id].inc(episodes)
        if outside:
            self._outside[env_id].inc(outside)
        for cause in causes:
            self._restarts[cause].inc()

    def count_refusal(self, code: grpc.StatusCode) -> None:
        """A session or call ended through its client's fault or the server's refusal."""
        if code in self._refusals:
            self._refusals[code].inc()

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return bytes(generate_latest(self._registry))


class MetricsServer:
    """Serves GET /metrics, and GET /healthz: 200 "ok", or 503 with what `problem` says."""

    def __init__(
        self,
        listen: str,
        allow_remote: bool,
        text: Callable[[], bytes],
        problem: Callable[[], str] = str,
    ) -> None:
        """ArmatureError: not loopback and not allowed to be; cannot listen there."""
        address = parse_address(listen, listen=True)
        if address.is_unix:
            raise ArmatureError(
                f"metrics address {listen} is a unix socket, which nobody scrapes; listen on "
                "127.0.0.1:0"
            )
        if not allow_remote and not address.is_loopback:
            raise ArmatureError(
                f"metrics address {listen} is not loopback: listen on 127.0.0.1, or allow "
                "remote scrapes explicitly"
            )

        def health() -> tuple[int, bytes]:
            sentence = problem()
            return (503, f"{sentence}\n".encode()) if sentence else (200, b"ok\n")

        pages = {"/metrics": lambda: (200, text()), "/healthz": health}
        handler = type("Handler", (_PageHandler,), {"pages": pages})
        try:
            self._server = _Server(address, handler)
        except OSError:
            raise ArmatureError(
                f"metrics address {listen}: cannot listen there (in use, or not an address of "
                "this machine)"
            ) from None
        self.address = str(Address(address.host, int(self._server.server_address[1])))
        # A daemon: it has nothing to finish when the process ends.
        threading.Thread(target=self._server.serve_forever, daemon=True, name="metrics").start()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: Address, handler: type[_PageHandler]) -> None:
        if ":" in address.host:
            self.address_family = socket.AF_INET6
        super().__init__((address.host, address.port), handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is no event."""


class _PageHandler(http.server.BaseHTTPRequestHandler):
    pages: ClassVar[dict[str, Callable[[], tuple[int, bytes]]]] = {}
    timeout = 5  # Seconds that a client may take over its request.

    def do_GET(self) -> None:
        page = self.pages.get(self.path)
        not_here = (404, b"not here: try /metrics or /healthz\n")
        status, body = not_here if page is None else page()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """A scrape is no event."""
