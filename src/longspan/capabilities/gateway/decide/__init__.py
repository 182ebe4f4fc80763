"""What shall Envoy be told, and what of it is safe to say now?

Pure: values in, files out. `files` is the door; the others render one matter each: `listener` and `connections` (how
callers come in), `routes` (what goes where), `egress` (how workers call units apart), `retries` (what may be sent
twice), `clusters` (how units are reached), `replies` (what Envoy says by itself).
"""

from __future__ import annotations

from longspan.capabilities.gateway.decide.files import File, Step, first_files, in_force, next_files
from longspan.capabilities.gateway.decide.starting import Past, died, may_start

__all__ = ["File", "Past", "Step", "died", "first_files", "in_force", "may_start", "next_files"]
