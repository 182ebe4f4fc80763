"""What may stand in longspan.yaml, for editors?"""

from __future__ import annotations

from longspan.client.terminal import say_json


def schema() -> None:
    """Print the JSON Schema of longspan.yaml, for editors.

    Example: longspan schema > longspan.schema.json
    """
    from longspan.spec.schema import json_schema

    say_json(json_schema())
