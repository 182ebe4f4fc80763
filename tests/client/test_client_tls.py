"""Do both clients speak TLS with whom they may trust, and with nobody else?"""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from longspan.base.errors import Unreachable
from tests.client.answering import Answering, Reply, whole

Make = Callable[..., Any]
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on PATH")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that signs itself, for 127.0.0.1, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    subject = ["-subj", "/CN=gateway", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem", "-out", "cert.pem"]
    command = ["openssl", "req", "-x509", *key, *subject]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=20)
    return folder


@pytest.fixture
def server_tls(folder: Path) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return tls


@pytest.fixture
def trust(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "cert.pem"))


def test_calls_share_a_connection_and_large_bodies_come_whole(
    make: Make, server_tls: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    large = bytes(range(256)) * 12_000
    server = Answering({"POST /v1/services/s": whole(large)})
    with server.on_tcp(tls=server_tls) as url:
        client = make(url, tls=trust)
        for content in (b"a", large, b"b"):
            assert client.send("s", content).body == large
    assert [asked.body for asked in server.asked] == [b"a", large, b"b"]
    assert len({asked.peer for asked in server.asked}) == 1


def test_a_stream_comes_to_its_end(make: Make, server_tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    server = Answering({"POST /v1/services/s": Reply(chunks=(b"a" * 100_000, b"b"))})
    with server.on_tcp(tls=server_tls) as url:
        with make(url, tls=trust).stream("s", b"") as stream:
            assert b"".join(stream) == b"a" * 100_000 + b"b"


def test_a_certificate_that_nobody_vouches_for_or_of_somebody_else_is_not_spoken_to(
    make: Make, server_tls: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    server = Answering({})
    with server.on_tcp(tls=server_tls) as url:
        with pytest.raises(Unreachable, match="(?i)certificate"):
            make(url).send("s", b"secret")
        with pytest.raises(Unreachable, match="(?i)certificate"):
            make(url.replace("127.0.0.1", "localhost"), tls=trust).send("s", b"secret")
    assert not server.asked
