"""Many listening sockets, one accepting thread, one thread a connection."""

import selectors
import socket
import struct
import threading


def reset(connection):
    """Close with RST instead of FIN: the peer sees ECONNRESET."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                              struct.pack("ii", 1, 0))
    except OSError:
        pass
    # A plain close, also below TLS: no close_notify softens it.
    try:
        socket.socket.close(connection)
    except OSError:
        pass


class Listeners:
    def __init__(self):
        self._selector = selectors.DefaultSelector()
        self._sockets = []

    def add(self, serve, port=0):
        """serve(connection, peer) runs in its own thread. Returns the port."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(256)
        self._sockets.append(listener)
        self._selector.register(listener, selectors.EVENT_READ, serve)
        return listener.getsockname()[1]

    def run(self):
        while True:
            for ready, _ in self._selector.select():
                try:
                    connection, peer = ready.fileobj.accept()
                except OSError:
                    continue
                connection.setsockopt(socket.IPPROTO_TCP,
                                      socket.TCP_NODELAY, 1)
                threading.Thread(target=self._guard, daemon=True, args=(
                    ready.data, connection, peer[0])).start()

    @staticmethod
    def _guard(serve, connection, peer):
        try:
            serve(connection, peer)
        except (OSError, ValueError):    # the client went away
            pass
        finally:
            try:
                connection.close()
            except OSError:
                pass
