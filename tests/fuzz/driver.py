"""One target's fuzzing, from outside: a process under atheris for some time, started again if something ends it."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from tests.fuzz.corpus import CORPUS
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
MOST_SECONDS_A_RUN = 30
"""What takes longer is a finding. Instrumented code is ten times as slow, and the machine may be busy."""
MOST_MEGABYTES = 2048
MOST_STARTS = 8
GRACE_SECONDS = 120
"""For reading the corpus at the start, and for the end."""

_PROGRESS = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)/", re.MULTILINE)
_RUNS = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.MULTILINE)


@dataclass
class Told:
    """What came of a target."""

    target: str
    runs: int = 0
    seconds: float = 0.0
    coverage: int = 0
    """Edges of the instrumented code that some input reached."""
    corpus: int = 0
    findings: list[Path] = field(default_factory=list)


def fuzz(name: str, folder: Path, seconds: int) -> Told:
    """Corpus, findings and log of it are in `folder`."""
    corpus, findings, log = folder / "corpus" / name, folder / "findings" / name, folder / "logs" / f"{name}.log"
    for path in (corpus, findings, log.parent, CORPUS / name):
        path.mkdir(parents=True, exist_ok=True)
    for index, seed in enumerate(seeds(name)):
        (corpus / f"seed-{index}").write_bytes(seed)
    told = Told(name)
    log.write_bytes(b"")
    begun = monotonic()
    for _ in range(MOST_STARTS):
        left = seconds - int(monotonic() - begun)
        if left < 1:
            break
        at = log.stat().st_size
        with log.open("ab") as output:
            ended = subprocess.run(
                _command(name, corpus, findings, left, _words(name, folder)),
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                timeout=left + GRACE_SECONDS, check=False,
            )  # fmt: skip
        _count(told, log.read_bytes()[at:].decode("utf-8", "replace"))
        if ended.returncode == 0:
            break
        if told.runs == 0:
            told.findings = [log]
            return told
    told.seconds = monotonic() - begun
    told.findings = [path for path in sorted(findings.iterdir()) if _is_finding(name, path)]
    told.corpus = len(list(corpus.iterdir()))
    return told


def _is_finding(name: str, path: Path) -> bool:
    """A hang was told by the clock of a machine that may be busy: it is one if it takes as much CPU by itself."""
    if path.suffix == ".txt" or path.name.startswith("slow-unit"):
        return False
    if not path.name.startswith("timeout-"):
        return True
    bound = f'ulimit -t {MOST_SECONDS_A_RUN}; exec "$@"'
    replayed = [sys.executable, "-m", "tests.fuzz", name, "--replay", str(path)]
    ended = subprocess.run(["sh", "-c", bound, "sh", *replayed], cwd=ROOT, capture_output=True, check=False)
    return ended.returncode != 0


def _command(name: str, corpus: Path, findings: Path, seconds: int, words: Path) -> list[str]:
    return [
        sys.executable, "-m", "tests.fuzz.guided", name, str(findings), str(corpus), str(CORPUS / name),
        f"-max_total_time={seconds}", f"-timeout={MOST_SECONDS_A_RUN}", f"-rss_limit_mb={MOST_MEGABYTES}",
        f"-max_len={TARGETS[name].most_bytes}", *([f"-dict={words}"] if TARGETS[name].words else []),
        f"-artifact_prefix={findings}/", f"-report_slow_units={MOST_SECONDS_A_RUN}",
        "-print_final_stats=1", "-reload=0",
    ]  # fmt: skip


def _words(name: str, folder: Path) -> Path:
    """The target's words as libFuzzer reads them."""
    path = folder / "logs" / f"{name}.words"
    words = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in TARGETS[name].words)
    path.write_text("".join(f'"{word}"\n' for word in words))
    return path


def _count(told: Told, said: str) -> None:
    progress = _PROGRESS.findall(said)
    runs = _RUNS.search(said)
    told.runs += int(runs[1]) if runs else int(progress[-1][0]) if progress else 0
    told.coverage = max([told.coverage, *(int(coverage) for _, coverage, _, _ in progress)])
