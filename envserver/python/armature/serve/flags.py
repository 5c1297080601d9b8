"""The flags of ``armature-serve``.

Thread safety: free functions.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from armature.program_flags import NAMES, Parser, add_security_flags, number, whole
from armature.serve.env_source import DEFAULT_SUCCESS_KEY
from armature.spec import AGGREGATIONS

PROGRAM = "armature-serve"
_SECONDS_MAX = 86400.0
_SECURITY = {
    "tls_authority": "PEM file: who signs the peers. A server with it demands client certificates, "
    "unless --token_suffices.",
    "token_file": "File whose first line is a secret that all processes share; needs TLS.",
    "token_suffices": "With --tls_authority and --token_file: let in whoever bears the token, "
    "without a certificate. The token is asked for after TLS, so it does not keep floods out.",
    "tls_server_name": "The name in the servers' certificates, where it is not that of their "
    "addresses; taken from whoever starts all processes, and not used here.",
}


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        description="Hosts Gymnasium environments for actors and clients, over gRPC.",
        epilog=NAMES,
        allow_abbrev=False,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--env",
        action="append",
        default=[],
        metavar="ENV",
        help="What to host; may be given several times. ID, as gymnasium.make takes it; "
        "MODULE:ID, which imports the module first; or MODULE:FACTORY, a callable that returns "
        "a gymnasium.Env. Keyword arguments come from a session's env_config.",
    )
    add(
        "--env_id",
        action="append",
        default=[],
        metavar="NAME",
        help="Name on the wire of the --env of the same place; without it, what stands after "
        "the ':'.",
    )
    add(
        "--listen",
        default="127.0.0.1:5557",
        help="Address for actors and clients, host:port or unix:/path; port 0 takes a free one and "
        "prints it. Where other machines reach it, it needs the flags under Security.",
    )
    add(
        "--metrics_listen",
        default="127.0.0.1:0",
        help="Address of /metrics and /healthz, or off.",
    )
    add(
        "--metrics_remote",
        action="store_true",
        help="Let --metrics_listen be other than loopback. Metrics carry no secrets, but anyone "
        "who reaches the port can read them.",
    )
    add(
        "--name",
        default="",
        help="What messages call this server: letters, digits, '_', '.', '-'; default "
        "envserver-PORT, or -PID with port 0 or a unix socket.",
    )
    add(
        "--num_envs",
        "--slots",
        type=whole(1, 1 << 20),
        default=1024,
        help="Environments hosted at once, over all sessions; more are refused.",
    )
    add(
        "--workers",
        type=whole(0, 1024),
        default=0,
        help="Processes that run the environments of one group of a session; 0: as many as pay, "
        "at most one for each CPU that this process may use (affinity and container quota).",
    )
    add(
        "--lease_s",
        type=number(0.1, _SECONDS_MAX),
        default=30.0,
        help="Seconds that a client may be silent before it loses its environments.",
    )
    add(
        "--step_timeout_s",
        type=number(0.01, _SECONDS_MAX),
        default=10.0,
        help="Seconds after which a step counts as hung: its worker process is killed and "
        "replaced. So for render, close and compute_reward.",
    )
    add(
        "--reset_timeout_s",
        type=number(0.01, _SECONDS_MAX),
        default=45.0,
        help="The same for a reset. Actors wait 60 s for a step with the resets in it.",
    )
    add(
        "--start_timeout_s",
        type=number(0.01, _SECONDS_MAX),
        default=120.0,
        help="The same for making an environment, imports included.",
    )
    add(
        "--control_period_s",
        type=number(1e-9, _SECONDS_MAX),
        default=0.0,
        help="Simulated seconds a step, for all environments; 0: what each says itself (dt, or "
        "render_fps; 1 if neither).",
    )
    add(
        "--success_key",
        default=DEFAULT_SUCCESS_KEY,
        help="Key of `info` that says whether a step reached the goal.",
    )
    add(
        "--reports_success",
        choices=("auto", "yes", "no"),
        default="auto",
        help="Whether environments give that key; auto: whether it comes in an episode that the "
        "server tries at the start. Say yes where it comes with a success only.",
    )
    add(
        "--metrics",
        type=_metrics,
        default="",
        metavar="KEY:HOW,...",
        help="Keys of `info` that are metrics, for environments that do not declare them in their "
        "metadata; HOW the steps of an episode become one number: sum, mean or last. E.g. "
        "reward_forward:sum,x_position:last.",
    )
    add(
        "--running_statistics",
        action="store_true",
        help="Host environments in NormalizeObservation or NormalizeReward, each with "
        "statistics of its own, all the same.",
    )
    add(
        "--render",
        action="store_true",
        help="Make environments with render_mode=rgb_array, so that clients can ask for frames.",
    )
    add(
        "--port_file",
        default="",
        help="Written once the server is ready: a line with its address, then one with that of "
        "/metrics.",
    )
    add("--list", action="store_true", help="Print the environments, a line each, and end.")
    add_security_flags(parser.add_argument_group("Security").add_argument, _SECURITY)
    return parser


def parse_flags(arguments: Sequence[str]) -> argparse.Namespace:
    """SystemExit: help was asked for (0), or a flag is wrong (2; one line says how)."""
    parser = _parser()
    flags = parser.parse(arguments)
    if not flags.env:
        parser.error("give at least one --env, e.g. --env Pendulum-v1")
    if flags.env_id and len(flags.env_id) != len(flags.env):
        parser.error(f"{len(flags.env_id)} --env_id for {len(flags.env)} --env: give as many")
    return flags


def _metrics(text: str) -> dict[str, str]:
    metrics: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        name, _, aggregation = part.strip().partition(":")
        if not name or aggregation not in AGGREGATIONS or name in metrics:
            raise argparse.ArgumentTypeError(
                f"{part.strip()}: expected KEY:HOW, each KEY once, HOW one of "
                f"{', '.join(AGGREGATIONS)}"
            )
        metrics[name] = aggregation
    return metrics
