"""The flags of ``armature-view``.

Thread safety: free functions.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Sequence

from armature.program_flags import (
    NAMES,
    WRONG_USE,
    Parser,
    add_security_flags,
    number,
    transport_of,
    whole,
)

PROGRAM = "armature-view"
_EXAMPLES = f"""examples:
  armature-view 127.0.0.1:5557             an env server: what its newest session does
  armature-view panda_reach_sac            a run: its env servers, or else its policy at work
  armature-view videos/step_20000.episodes a recording
  armature-view reach.episodes --output reach.html   a page of it to send or to keep

{NAMES}"""


def parse_flags(arguments: Sequence[str]) -> argparse.Namespace:
    """SystemExit: help was asked for (0), or a flag is wrong (2; one line says how).

    `transport`: the TransportOptions of the flags under Security.
    """
    parser = _parser()
    if not arguments:
        parser.print_help(sys.stderr)
        sys.exit(WRONG_USE)
    flags = parser.parse(arguments)
    flags.transport = transport_of(flags)
    return flags


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        description="Shows robots at work on a live web page.",
        epilog=_EXAMPLES,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "what",
        metavar="WHAT",
        help="An env server's address, host:port or unix:/path; a run's folder, id or name; or a "
        "recorded file, NAME.episodes.",
    )
    add(
        "--listen",
        default="127.0.0.1:8080",
        metavar="HOST:PORT",
        help="Address of the page; port 0 takes a free one and prints it. Default %(default)s. "
        "Where other machines reach it, it needs the flags under Page for other machines.",
    )
    add(
        "--output",
        type=pathlib.Path,
        metavar="FILE.html",
        help="Of a recorded file: write a page that plays it, without this program and without a "
        "network, and end.",
    )
    add(
        "--session",
        type=whole(0, (1 << 64) - 1),
        default=0,
        help="Session of the env server; 0: the one that was opened last. Default %(default)s.",
    )
    add("--slot", type=whole(0, (1 << 32) - 1), default=0, help="Default %(default)s.")
    add(
        "--frames_per_s_max",
        type=number(0.1, 1000.0),
        default=30.0,
        help="How often an env server is asked for a frame. Default %(default)s.",
    )
    add(
        "--kept_frames",
        type=whole(2, 1 << 24),
        default=18000,
        help="How many of the last frames of an env server are kept, for the time slider. "
        "Default %(default)s.",
    )
    add(
        "--seed",
        type=whole(0, (1 << 63) - 1),
        default=1,
        help="Of the episodes of a run that is played. Default %(default)s.",
    )
    _add_security(parser)
    return parser


def _add_security(parser: Parser) -> None:
    page = parser.add_argument_group(
        "Page for other machines",
        "Without these the page is for this machine; `ssh -L 8080:127.0.0.1:8080 HOST` brings it "
        "to another one.",
    ).add_argument
    page("--page_tls_certificate", default="", help="PEM file: the page's certificate chain.")
    page("--page_tls_key", default="", help="PEM file: its private key.")
    page("--page_token_file", default="", help="File whose first line viewers have to know.")
    security = parser.add_argument_group("Security, towards the env server")
    add_security_flags(
        security.add_argument,
        {
            "tls_authority": "PEM file: who signs the env server.",
            "token_file": "File whose first line is the env server's secret.",
            "token_suffices": "Taken from whoever starts all processes, and not used here.",
            "tls_server_name": "The name in the env server's certificate, where it is not that of "
            "its address.",
        },
    )
