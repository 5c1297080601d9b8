"""The files of TransportOptions, read and checked; as common/rpc/secrets.h.

Thread safety: free functions.
"""

from __future__ import annotations

import dataclasses
import pathlib
import ssl
import time

from armature.errors import ArmatureError

# X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL.
_NOT_YET_VALID = 9
_HAS_EXPIRED = 10
# X509_V_FLAG_PARTIAL_CHAIN: what is trusted need not be an authority.
_PARTIAL_CHAIN = 0x80000


@dataclasses.dataclass(frozen=True)
class TransportOptions:
    """Paths of PEM files and of a token file (its first line); empty: not used.

    None of it concerns unix sockets: the kernel lets only processes of this user connect.
    """

    tls_certificate: str = ""
    tls_key: str = ""
    tls_authority: str = ""
    token_file: str = ""
    # A server with an authority demands client certificates that it has signed, unless this
    # says that the token is enough.
    token_suffices: bool = False
    # The name in the servers' certificates, where it is not that of their addresses.
    tls_server_name: str = ""

    def is_empty(self) -> bool:
        return self == TransportOptions()

    def with_folder(self, folder: str) -> TransportOptions:
        """With the three files of a host's folder that `certificates` has made: mutual TLS."""
        return dataclasses.replace(
            self,
            tls_certificate=f"{folder}/certificate.pem",
            tls_key=f"{folder}/key.pem",
            tls_authority=f"{folder}/authority.pem",
        )

    @property
    def demands_certificates(self) -> bool:
        return bool(self.tls_authority) and not self.token_suffices


@dataclasses.dataclass(frozen=True)
class Secrets:
    certificate: bytes | None
    key: bytes | None
    authority: bytes | None
    token: str


def read_secrets(options: TransportOptions) -> Secrets:
    """ArmatureError, naming the file: it is missing, unreadable or empty, a certificate has
    expired or is not valid yet, the key is not the certificate's, or the options contradict
    each other."""
    if bool(options.tls_certificate) != bool(options.tls_key):
        raise ArmatureError("TLS certificate and key: give both or neither")
    if options.token_suffices and not options.token_file:
        raise ArmatureError("token_suffices: there is no token; give token_file")
    token = (_read(options.token_file, "token file") or b"").splitlines()
    if options.token_file and not token[0]:
        raise ArmatureError(f"token file {options.token_file}: its first line is empty")
    secrets = Secrets(
        _read(options.tls_certificate, "TLS certificate"),
        _read(options.tls_key, "TLS key"),
        _read(options.tls_authority, "TLS authority"),
        token[0].decode() if token else "",
    )
    if options.tls_certificate:
        _check_own(options)
    if options.tls_authority:
        _check_authority(options.tls_authority)
    return secrets


def _read(path: str, what: str) -> bytes | None:
    if not path:
        return None
    try:
        text = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise ArmatureError(f"{what} {path}: cannot be read: {error.strerror}") from error
    if not text:
        raise ArmatureError(f"{what} {path}: is empty")
    return text


def _check_own(options: TransportOptions) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without a password's function it would ask on the terminal.
        server.load_cert_chain(options.tls_certificate, options.tls_key, password=lambda: "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ArmatureError(
                f"TLS key {options.tls_key}: is not the key of the certificate "
                f"{options.tls_certificate}"
            ) from None
        raise ArmatureError(
            f"TLS certificate {options.tls_certificate} and key {options.tls_key}: hold no "
            f"certificate and key in PEM form without a password"
        ) from None
    # Python shows the dates of no certificate but a peer's: a handshake with itself, in memory.
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= _PARTIAL_CHAIN
    client.load_verify_locations(options.tls_certificate)
    error_code = _shake_hands(client, server)
    if error_code == _HAS_EXPIRED:
        raise ArmatureError(
            f"TLS certificate {options.tls_certificate}: has expired; make a new one"
        )
    if error_code == _NOT_YET_VALID:
        raise ArmatureError(
            f"TLS certificate {options.tls_certificate}: is not valid yet; is this machine's "
            "clock right?"
        )


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> int:
    """Why the client does not trust the server, as OpenSSL counts; 0: it does."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_end = client.wrap_bio(to_client, to_server)
    server_end = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):  # More flights than any version of TLS has.
        for end in (client_end, server_end):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLCertVerificationError as error:
                return error.verify_code
            except ssl.SSLError:
                return 0  # Nothing of what is asked here.
    return 0


def _check_authority(path: str) -> None:
    """One that is valid is enough: the file may hold an old authority and its successor."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise ArmatureError(f"TLS authority {path}: holds no certificate in PEM form") from None
    ends = [str(found["notAfter"]) for found in context.get_ca_certs()]
    if ends and all(ssl.cert_time_to_seconds(end) < time.time() for end in ends):
        raise ArmatureError(f"TLS authority {path}: has expired on {ends[-1]}; make a new one")
