"""Control sleeps until a knock, a death or a tick."""

from __future__ import annotations

import subprocess
import threading
import time

from longspan.control.waiting import Waiter

LONG = 30.0


def test_a_knock_wakes_and_is_used_up() -> None:
    waiter = Waiter()
    waiter.knock()
    begun = time.monotonic()
    waiter.wait(LONG)
    assert time.monotonic() - begun < LONG / 2
    waiter.wait(0.01)  # returns by itself: the knock was taken


def test_a_knock_from_another_thread_wakes() -> None:
    waiter = Waiter()
    threading.Timer(0.05, waiter.knock).start()
    begun = time.monotonic()
    waiter.wait(LONG)
    assert time.monotonic() - begun < LONG / 2


def test_the_death_of_a_watched_process_wakes() -> None:
    waiter = Waiter()
    child = subprocess.Popen(["sleep", "60"])
    waiter.watch(child.pid)
    waiter.watch(child.pid)
    child.kill()
    begun = time.monotonic()
    waiter.wait(LONG)
    assert time.monotonic() - begun < LONG / 2
    child.wait()


def test_watching_a_process_that_is_gone_is_a_knock() -> None:
    waiter = Waiter()
    child = subprocess.Popen(["true"])
    child.wait()
    waiter.watch(child.pid)
    begun = time.monotonic()
    waiter.wait(LONG)
    assert time.monotonic() - begun < LONG / 2
