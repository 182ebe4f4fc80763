"""The bare status page at ``/-/``: what ``GET /v1/status`` answers, to look at. No script, no outside request."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from longspan.client.messages import ReplicaView, Status, StepView, UnitView

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem; margin-bottom: .2rem } h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem }
p { margin: .2rem 0; opacity: .8 } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top }
div { overflow-x: auto } .n { text-align: right; font-variant-numeric: tabular-nums } .n, .u { white-space: nowrap }
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
    troubles += [f"{unit.name}: {unit.memory_trouble}" for unit in status.units if unit.memory_trouble]
    troubles += [f"gateway: {status.gateway.trouble}"] if status.gateway.trouble else []
    gateway = f"gateway pid {status.gateway.pid}, Envoy {escape(status.gateway.version)}"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="refresh" content="2"><title>{escape(status.system)}</title><style>{_STYLE}</style>'
        f"<h1>{escape(status.system)}</h1><p>{generation}{coming}</p>"
        f"<p>control pid {status.control.pid}, {gateway}, <a href='/-/metrics'>metrics</a></p>"
        + "".join(f'<p class="failed">{escape(trouble)}</p>' for trouble in troubles)
        + "".join(_unit(unit) for unit in status.units)
        + (_steps(status.steps) if status.steps else "")
        + "</html>"
    )


def _unit(unit: UnitView) -> str:
    rows = "".join(_replica(replica) for replica in unit.replicas)
    ready = sum(replica.state == "ready" for replica in unit.replicas)
    facts = [f"{ready} ready, {unit.wanted} wanted"]
    facts += [f"{unit.cpu:g} core{'s' * (unit.cpu != 1)} each"] if unit.cpu else []
    facts += [f"{_mib(unit.memory_bytes)} each, {unit.memory_guard}"] if unit.memory_bytes else []
    facts += [f"{unit.memory_replaced} replaced for their memory"] if unit.memory_replaced else []
    why = f"<p>{escape(unit.reason)}</p>" if unit.reason else ""
    return (
        f"<h2>{escape(unit.name)}</h2><p>{'; '.join(facts)}</p>{why}<div><table><tr><th>slot<th>state"
        f"<th class=n>generation<th class=n>pid<th class=n>restarts<th class=n>memory<th></tr>{rows}</table></div>"
    )


def _replica(replica: ReplicaView) -> str:
    log = escape(f"ended: {replica.ended}") if replica.ended else ""
    log += f"<pre>{escape(chr(10).join(replica.last_log))}</pre>" if replica.last_log else ""
    return (
        f'<tr><td>{replica.slot}<td class="{replica.state}">{replica.state}<td class=n>{replica.generation}'
        f"<td class=n>{replica.pid or ''}<td class=n>{replica.restarts}"
        f"<td class=n>{_mib(replica.memory_bytes) if replica.memory_bytes else ''}<td>{log}</tr>"
    )


def _steps(steps: Sequence[StepView]) -> str:
    """All steps in one table, so that they can be compared; counted since their replicas started."""
    rows = "".join(
        f"<tr><td class=u>{escape(step.service)}<td>{escape(step.name)}<td class=u>{escape(step.unit)}"
        f"<td class=n>{step.count:,}<td class=n>{f'{step.seconds / step.count * 1e3:.2f} ms' if step.count else ''}"
        f"<td class=n>{step.waiting}<td class=n>{f'{step.padding:.0%}' if step.padding else ''}"
        f"<td class=n>{step.skipped or ''}<td class=n>{step.errors or ''}</tr>"
        for step in steps
    )
    return (
        "<h2>Steps</h2><p>since their replicas started</p><div><table><tr><th>service<th>step<th>unit<th class=n>runs"
        f"<th class=n>mean<th class=n>waiting<th class=n>padding<th class=n>skipped<th class=n>errors</tr>{rows}"
        "</table></div>"
    )


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:,.0f} MiB"
