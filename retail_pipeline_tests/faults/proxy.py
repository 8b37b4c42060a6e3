"""A TCP proxy before the database: connections through it can be cut, slowed down, and left without an answer."""

import socket
import struct
import threading
import time
from contextlib import suppress

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time left: the connection ends as one does whose cable was cut by a firewall, with a reset."""


class Proxy:
    """Forwards connections to a server of this machine until it is closed."""

    def __init__(self, port: int):
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.delay_seconds = 0.0
        """How long each piece is held back."""
        self._speaks = threading.Event()
        self._speaks.set()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> int:
        """Resets every connection, whatever is under way on it; returns how many there were."""
        cut, self._open = self._open, set()
        for one in cut:
            with suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                one.shutdown(socket.SHUT_RD)  # wakes the thread that reads from it
            one.close()
        return len(cut) // 2

    def go_away(self) -> None:
        """Refuses connections from now on, and cuts those that are open."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def come_back(self) -> None:
        """Takes connections again, at the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def fall_silent(self) -> int:
        """Keeps all connections, and forwards nothing on them; returns how many there are."""
        self._speaks.clear()
        return len(self._open) // 2

    def speak(self) -> None:
        """Ends the silence; what was sent meanwhile is lost with its connection, as behind a gateway that restarted."""
        self.cut()
        self._speaks.set()

    def close(self) -> None:
        """Ends it and all connections."""
        self._listener.close()
        self.cut()
        self._speaks.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._server_port))
                except OSError:  # the server is down
                    client.close()
                    continue
                self._open |= {client, server}
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._forward, args=(source, target), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                self._speaks.wait()
                time.sleep(self.delay_seconds)
                target.sendall(piece)
        for one in (source, target):
            self._open.discard(one)
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
