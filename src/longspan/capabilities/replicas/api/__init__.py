"""The doors of replicas: routes, the views that `status` and `top` are made of, and their part of the metrics.

`routes` are control's, `views` turn what was seen into messages, `metrics` into readings.
"""

from longspan.capabilities.replicas.api.metrics import readings
from longspan.capabilities.replicas.api.routes import as_they_come, router
from longspan.capabilities.replicas.api.views import loads, reason, steps, views

__all__ = ["as_they_come", "loads", "readings", "reason", "router", "steps", "views"]
