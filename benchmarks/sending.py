"""Bodies sent in turn over kept connections: what both halves of a comparison by CPU are given."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Sequence

MEDIA_TYPE = "application/octet-stream"
TIME_OUT_SECONDS = 60.0


def send(address: str, service: str, bodies: Sequence[bytes], *, rounds: int, connections: int) -> None:
    """Every body `rounds` times as natural content of `service`; each connection sends one after the other.

    Raises `RuntimeError` when an answer is not 200.
    """
    turns = iter([*bodies] * rounds)
    lock, failures = threading.Lock(), []

    def one_by_one() -> None:
        host, _, port = address.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=TIME_OUT_SECONDS)
        while True:
            with lock:
                body = next(turns, None)
            if body is None:
                break
            connection.request("POST", f"/v1/services/{service}", body, {"content-type": MEDIA_TYPE})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                failures.append(text)
        connection.close()

    threads = [threading.Thread(target=one_by_one) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(f"{len(failures)} requests were not answered, the first: {failures[0]!r}")
