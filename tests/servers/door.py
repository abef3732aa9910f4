"""A way to a server that can be shut and opened again: shut, the server looks stopped (connections are refused), and keeps what it has."""
import contextlib
import select
import socket
import threading


class Door:
    def __init__(self, target):
        """`target` is the port of a server on 127.0.0.1."""
        self.target = target
        self.port = 0
        self.open()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def open(self):
        self.listening = socket.socket()
        self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listening.bind(("127.0.0.1", self.port))
        self.listening.listen(64)
        self.port = self.listening.getsockname()[1]
        self.ending, self.end = socket.socketpair()
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def shut(self):
        self.end.close()
        for thread in list(self.threads):
            thread.join()
        self.ending.close()
        self.listening.close()

    @contextlib.contextmanager
    def is_shut(self):
        self.shut()
        try:
            yield
        finally:
            self.open()

    def accept(self):
        while self.ending not in select.select([self.listening, self.ending], [], [])[0]:
            client, _ = self.listening.accept()
            thread = threading.Thread(target=self.forward, args=(client,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def forward(self, client):
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.target)) as server:
            other = {client: server, server: client}
            while other:
                ready = select.select([*other, self.ending], [], [])[0]
                if self.ending in ready:
                    return
                for side in ready:
                    data = side.recv(1 << 16)
                    if data:
                        (server if side is client else client).sendall(data)
                    else:
                        (server if side is client else client).shutdown(socket.SHUT_WR)
                        del other[side]
