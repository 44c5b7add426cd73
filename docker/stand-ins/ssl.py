"""Stands in for `ssl`, where no TLS is linked in: what is imported exists, a context can be made, and nothing more.

The supervisor speaks HTTP to its own machine. But trio and httpx import `ssl` whether it is used or not, and httpx
makes a context before it knows the scheme.
"""

import enum


class SSLError(OSError):
    """TLS failed; here it always does."""


class SSLZeroReturnError(SSLError):
    """Never raised here."""


class SSLWantReadError(SSLError):
    """Never raised here."""


class SSLWantWriteError(SSLError):
    """Never raised here."""


class SSLSyscallError(SSLError):
    """Never raised here."""


class SSLEOFError(SSLError):
    """Never raised here."""


class SSLCertVerificationError(SSLError, ValueError):
    """Never raised here."""


CertificateError = SSLCertVerificationError


class _SSLMethod(enum.IntEnum):
    PROTOCOL_TLS_CLIENT = 16
    PROTOCOL_TLS_SERVER = 17


class VerifyMode(enum.IntEnum):
    """How the other side's certificate is checked."""

    CERT_NONE = 0
    CERT_OPTIONAL = 1
    CERT_REQUIRED = 2


class TLSVersion(enum.IntEnum):
    """The oldest version of TLS that a connection may have."""

    TLSv1_2 = 771
    TLSv1_3 = 772


PROTOCOL_TLS_CLIENT = _SSLMethod.PROTOCOL_TLS_CLIENT
PROTOCOL_TLS_SERVER = _SSLMethod.PROTOCOL_TLS_SERVER
CERT_NONE = VerifyMode.CERT_NONE
CERT_REQUIRED = VerifyMode.CERT_REQUIRED


class SSLContext:
    """Settings for connections that cannot be made."""

    def __init__(self, protocol: int = PROTOCOL_TLS_CLIENT) -> None:
        self.protocol = protocol
        self.check_hostname = True
        self.verify_mode = CERT_REQUIRED

    def set_alpn_protocols(self, alpn_protocols: list[str]) -> None:
        """Accept any protocols."""

    def wrap_bio(self, *_arguments: object, **_options: object) -> "SSLObject":
        """Refuse to secure a connection.

        Raises:
            SSLError: Always.
        """
        raise SSLError("this executable has no TLS")

    wrap_socket = wrap_bio


class SSLObject:
    """What `wrap_bio` would give."""


class SSLSocket:
    """What `wrap_socket` would give."""


class MemoryBIO:
    """What `wrap_bio` would read and write."""


def create_default_context(*_arguments: object, **_options: object) -> SSLContext:
    """Make a context, whatever is to be trusted."""
    return SSLContext()
