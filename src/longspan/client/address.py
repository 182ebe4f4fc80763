"""Where is the gateway? Its URL, read once."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from longspan.base.errors import LongspanError


@dataclass(frozen=True, slots=True)
class Address:
    """A place to connect to."""

    url: str
    """As it was given, without a slash at its end."""
    host: str
    port: int
    tls: bool
    base: str
    """What stands before every path; mostly nothing."""
    socket: str
    """Path of a unix socket, which stands in for host and port; else empty."""

    @property
    def head(self) -> bytes:
        """The line ``host: ...`` of a request."""
        standard = 443 if self.tls else 80
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"host: {host}{'' if self.port == standard else f':{self.port}'}\r\n".encode()


def read(url: str) -> Address:
    """``http://127.0.0.1:8080``, ``https://...``, ``unix:/path/of.sock``. Raises `LongspanError`.

    What would be dropped in silence, a question or a password, is refused; and the latter not said again.
    """
    if url.startswith("unix:") and len(url) > len("unix:"):
        return Address(url, "localhost", 80, tls=False, base="", socket=url.removeprefix("unix:"))
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if "@" in parts.netloc:
        raise LongspanError(
            "an address of a gateway holds no name and no password", remedy="Leave out what is before @"
        )
    plain = all("!" <= letter <= "~" for letter in url) and not (parts.query or parts.fragment)
    if parts.scheme not in ("http", "https") or not host or port == 0 or not plain:
        raise LongspanError(f"{url!r} is no address of a gateway", remedy="Write it as http://127.0.0.1:8080")
    tls = parts.scheme == "https"
    return Address(url.rstrip("/"), host, port or (443 if tls else 80), tls, parts.path.rstrip("/"), "")
