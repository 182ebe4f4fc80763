"""A server of somebody else's: a few lines over a plain socket, and as many ways to misbehave as tests name.

``python oip_server.py BEHAVIOUR...``; it listens where LONGSPAN_SOCKET or LONGSPAN_PORT says.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

MODEL = {
    "name": "upper",
    "versions": ["1"],
    "platform": "other",
    "inputs": [{"name": "text", "datatype": "BYTES", "shape": [1]}],
    "outputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
}
TOLD = set(sys.argv[1:])


def answer(path: str) -> tuple[int, object]:
    if path == "/v2/health/ready":
        return 503 if "never-ready" in TOLD else 200, {}
    if path == "/v2":
        return 200, {"name": "other", "version": "1", "extensions": ["binary_tensor_data"] if "binary" in TOLD else []}
    if path == "/v2/models/upper":
        if "other-type" in TOLD:
            return 200, MODEL | {"inputs": [{"name": "text", "datatype": "FP32", "shape": [1]}]}
        return 200, MODEL
    if path == "/v2/health/live":
        LIVED.append(path)
        return 200, {}
    if path == "/lived":
        return 200, len(LIVED)
    if path == "/slow":
        time.sleep(0.25)
        return 200, "slow"
    if path == "/environment":
        return 200, dict(os.environ) | {"folder": os.getcwd(), "pid": os.getpid(), "arguments": sys.argv[1:]}
    if path == "/die":
        os._exit(7)
    if path == "/grow":
        GROWN.append(bytearray(os.urandom(1 << 20) * 64))
        return 200, "grown"
    if path == "/child":
        child = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
        return 200, subprocess.Popen(child, start_new_session=True).pid
    return 404, {"error": "not found"}


GROWN: list[bytearray] = []
LIVED: list[str] = []


def serve(wire: socket.socket) -> None:
    with wire:
        text = b""
        while piece := wire.recv(65536):
            text += piece
            while b"\r\n\r\n" in text:
                head, _, text = text.partition(b"\r\n\r\n")
                status, value = answer(head.split()[1].decode())
                body = json.dumps(value).encode()
                wire.sendall(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body))
                if b"connection: close" in head:
                    return


def main() -> None:
    print("a line of the server's", flush=True)
    if "dies" in TOLD:
        sys.exit("no model here")
    if "stubborn" in TOLD:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if port := os.environ.get("LONGSPAN_PORT"):
        listening = socket.create_server(("127.0.0.1", int(port)))
    else:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(os.environ["LONGSPAN_SOCKET"])
        listening.listen()
    while True:
        wire, _ = listening.accept()
        threading.Thread(target=serve, args=(wire,), daemon=True).start()


main()
