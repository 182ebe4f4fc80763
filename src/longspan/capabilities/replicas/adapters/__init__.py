"""The eyes and hands of replicas: processes of this machine, their logs and load pages, their memory's guard."""

from longspan.capabilities.replicas.adapters.cgroup import MemoryGuard, delegated
from longspan.capabilities.replicas.adapters.local import LocalReplicas
from longspan.capabilities.replicas.adapters.logs import Logs
from longspan.capabilities.replicas.adapters.there import There

__all__ = ["LocalReplicas", "Logs", "MemoryGuard", "There", "delegated"]
