"""Receivers of alerts for the tests, on this machine: a web server, and a mail server (aiosmtpd)."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Receiver:
    """What was received; `status` is what it answers, after `seconds`."""

    url: str = ""
    status: int = 200
    seconds: float = 0
    texts: list[str] = field(default_factory=list)


@contextmanager
def web_receiver(port: int = 0) -> Iterator[Receiver]:
    """A web server that takes alerts."""
    received = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            time.sleep(received.seconds)
            if received.status == 200:
                received.texts.append(body["text"])
            self.send_response(received.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    received.url = f"http://127.0.0.1:{server.server_port}/services/T0/B0/very-secret"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
