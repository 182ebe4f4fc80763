"""Keys that will come, and are refused until they do.

Whoever reads about a feature before it is built shall not be told "unknown key", and a file that asks for it
shall not be accepted as if it were there. A key leaves this table in the commit that honours it.
"""

from __future__ import annotations

PLANNED = {
    "access": "who may call what",
    "alerts": "telling people what is wrong",
    "audit": "the record of who did what",
    "batching": "settings of batching; what waits is batched by itself",
    "cache": "caching of answers",
    "datasets": "data pipelines",
    "drift": "watching for drift",
    "lanes": "keeping cheap requests from waiting behind costly ones",
    "python": "an interpreter of its own for a step",
    "releases": "canary, shadow and A/B releases",
    "runs": "training and evaluation jobs",
    "sites": "places other than this machine",
    "targets": "engines other than local processes",
    "tiers": "edge, regional and cloud tiers",
}
"""Key -> what it will be for. They are refused at every level."""
