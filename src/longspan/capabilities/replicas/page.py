"""The bare status page at ``/-/``: what ``GET /v1/status`` answers, to look at. No script, no outside request."""

from __future__ import annotations

from html import escape

from longspan.client.messages import ReplicaView, Status, UnitView

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem; margin-bottom: .2rem } h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem }
p { margin: .2rem 0; opacity: .8 } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top }
.ready::before { content: "\\25CF\\A0"; color: #2a9d5c }
.starting::before, .draining::before { content: "\\25CF\\A0"; color: #c98a00 }
.dead::before, .crash-loop::before { content: "\\25CF\\A0"; color: #c8352b }
.failed { border-left: 4px solid #c8352b; padding: .4rem .8rem; margin: 1rem 0 }
pre { margin: 0; white-space: pre-wrap; font-size: .8rem; opacity: .8 }
"""


def status_page(status: Status) -> str:
    """A whole HTML page. Everything that came from outside is escaped."""
    generation = f"generation {status.generation}" if status.generation else "no generation serves yet"
    coming = f", {status.pending} is on its way" if status.pending else ""
    failed = status.failed
    troubles = [f"generation {failed.generation} failed: {failed.reason}"] if failed else []
    troubles += [f"gateway: {status.gateway.trouble}"] if status.gateway.trouble else []
    gateway = f"gateway pid {status.gateway.pid}, Envoy {escape(status.gateway.version)}"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="refresh" content="2"><title>{escape(status.system)}</title><style>{_STYLE}</style>'
        f"<h1>{escape(status.system)}</h1><p>{generation}{coming}</p>"
        f"<p>control pid {status.control.pid}, {gateway}, <a href='/-/metrics'>metrics</a></p>"
        + "".join(f'<p class="failed">{escape(trouble)}</p>' for trouble in troubles)
        + "".join(_unit(unit) for unit in status.units)
        + "</html>"
    )


def _unit(unit: UnitView) -> str:
    rows = "".join(_replica(replica) for replica in unit.replicas)
    ready = sum(replica.state == "ready" for replica in unit.replicas)
    return (
        f"<h2>{escape(unit.name)}</h2><p>{ready} ready, {unit.wanted} wanted</p>"
        f"<table><tr><th>slot<th>state<th>generation<th>pid<th>restarts<th></tr>{rows}</table>"
    )


def _replica(replica: ReplicaView) -> str:
    log = f"<pre>{escape(chr(10).join(replica.last_log))}</pre>" if replica.last_log else ""
    return (
        f'<tr><td>{replica.slot}<td class="{replica.state}">{replica.state}<td>{replica.generation}'
        f"<td>{replica.pid or ''}<td>{replica.restarts}<td>{log}</tr>"
    )
