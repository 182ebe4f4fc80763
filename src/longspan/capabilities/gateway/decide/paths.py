"""Where the gateway's things stand, relative to the state folder, and how Envoy is told so."""

from __future__ import annotations

from typing import Any

FOLDER = "run/envoy"
ADMIN_SOCKET = f"{FOLDER}/admin.sock"
LOCK = f"{FOLDER}/lock"
PAGES_SOCKET = "run/pages.sock"
EGRESS_SOCKET = "run/egress.sock"
"""Where workers call the units that their steps run in."""
ACCESS_LOG = "logs/access.log"
ENVOY_LOG = "logs/envoy.log"

TYPE = "type.googleapis.com/"
"""What stands before the name of a message in ``@type``."""


def kind_path(kind: str) -> str:
    """The file of a kind: ``lds``, ``cds``, ``rds``, ``egress``, ``ecds``, or ``eds/UNIT``."""
    return f"{FOLDER}/{kind}.json" if "/" in kind else f"{FOLDER}/{kind}/{kind}.json"


def watched(path: str) -> dict[str, Any]:
    """A source that is read again when a file is renamed over `path`, and then only."""
    return {"resource_api_version": "V3", "path_config_source": {"path": path}}
