"""Steps that use up what a process has."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

KEPT: list[int] = []


def files(content: bytes) -> bytes:
    """Opens as many as it is told, and forgets to close them."""
    KEPT.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(int(content)))
    return b"%d" % len(KEPT)


def threads(content: bytes) -> bytes:
    for _ in range(int(content)):
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    return content


def prints(content: bytes) -> bytes:
    """So many MiB, by one of three ways."""
    way, _, count = content.decode().partition(" ")
    piece = b"x" * 99 + b"\n"
    mebibyte = piece * 10_485
    for _ in range(int(count)):
        match way:
            case "print":
                print("x" * (1 << 20))
            case "below":
                os.write(1, mebibyte)
            case "child":
                subprocess.run(["head", "-c", str(1 << 20), "/dev/zero"], check=True)
    print(f"the last of {way}")
    sys.stdout.flush()
    return content
