"""What the command lines of armature-serve and armature-view have in common.

Thread safety: free functions.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from armature.identity import TransportOptions

# Exit status. The launcher does not try again what ends like this.
WRONG_USE = 2
NAMES = "A flag's name may be written with '-' or with '_'."


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and ends with WRONG_USE."""

    def error(self, message: str) -> NoReturn:
        line = " ".join(message.split())
        print(f"{self.prog}: {line} (--help lists the flags)", file=sys.stderr)
        sys.exit(WRONG_USE)

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Names with '-' or '_'; SystemExit: help was asked for (0), or a flag is wrong (2)."""
        return self.parse_args([_with_underscores(argument) for argument in arguments])


def add_security_flags(add: Callable[..., Any], texts: dict[str, str]) -> None:
    """Those of TransportOptions, and --tls_folder in place of three of them.

    `texts`: the help of those that differ from program to program.
    """
    add(
        "--tls_folder",
        default="",
        help="Folder of this host that `certificates` has made: what mutual TLS needs, in place "
        "of the three files.",
    )
    add("--tls_certificate", default="", help="PEM file: this process's certificate chain.")
    add("--tls_key", default="", help="PEM file: its private key.")
    for name in ("tls_authority", "token_file"):
        add(f"--{name}", default="", help=texts[name])
    add("--token_suffices", action="store_true", help=texts["token_suffices"])
    add("--tls_server_name", default="", help=texts["tls_server_name"])


def transport_of(flags: argparse.Namespace) -> TransportOptions:
    """What the flags of `add_security_flags` say."""
    options = TransportOptions(
        **{field.name: getattr(flags, field.name) for field in dataclasses.fields(TransportOptions)}
    )
    return options.with_folder(flags.tls_folder) if flags.tls_folder else options


def whole(low: int, high: int) -> Callable[[str], int]:
    """For `type=`: a whole number in low..high."""

    def parse(text: str) -> int:
        if text.isdecimal() and low <= int(text) <= high:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number in {low}..{high}")

    return parse


def number(low: float, high: float) -> Callable[[str], float]:
    """For `type=`: a number in low..high."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if low <= value <= high:
            return value
        raise argparse.ArgumentTypeError(f"{text}: expected a number in {low:g}..{high:g}")

    return parse


def _with_underscores(argument: str) -> str:
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument[2:].partition("=")
    return f"--{name.replace('-', '_')}{equals}{value}"
