"""Are we asked to end as often as signals come, and is a signal that was ignored left alone?"""

from __future__ import annotations

import signal

from longspan.cli.interrupts import ASKING, Interrupts


def test_each_signal_counts_and_none_ends_the_process() -> None:
    with Interrupts() as interrupts:
        for number in ASKING:
            signal.raise_signal(number)
        assert interrupts.count == len(ASKING)


def test_afterwards_signals_mean_what_they_meant_before() -> None:
    before = [signal.getsignal(number) for number in ASKING]
    with Interrupts():
        pass
    assert [signal.getsignal(number) for number in ASKING] == before


def test_under_nohup_a_closed_terminal_ends_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGHUP)
            assert interrupts.count == 0
    finally:
        signal.signal(signal.SIGHUP, before)
