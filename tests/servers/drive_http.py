"""One connection to tests/servers/drive_emulator.py: bodies of requests as they come, answers, and what is planned to go wrong with either (drive_faults.py)."""
import http.server
import json
import socket
import struct
import time
import urllib.parse

from drive_files import ApiError
from drive_oauth import Refused

STEP = 1 << 20


class Cut(Exception):
    """The connection is to end here."""


class Done(Exception):
    """The answer has been sent."""


class Connection(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 0
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    @property
    def world(self):
        return self.server.world

    # Requests

    def begin_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            self.unread = -1
        else:
            self.unread = int(self.headers.get("Content-Length") or 0)

    def pieces(self):
        """The body of the request, as it comes."""
        limit = self.fault.get("read", self.fault.get("read_status"))
        taken = 0
        for piece in self._chunks() if self.unread == -1 else self._plain():
            if limit is not None and taken + len(piece) >= limit:
                yield piece[:limit - taken]
                if "read" in self.fault:
                    raise Cut
                self.fail()
            taken += len(piece)
            yield piece

    def _plain(self):
        buffer = bytearray(min(self.unread, STEP))
        while self.unread:
            view = memoryview(buffer)[:min(len(buffer), self.unread)]
            count = self.rfile.readinto1(view)
            if not count:
                raise Cut
            self.unread -= count
            yield view[:count]

    def _chunks(self):
        while True:
            length = int(self.rfile.readline().split(b";")[0], 16)
            if length == 0:
                while self.rfile.readline().strip():
                    pass
                self.unread = 0
                return
            data = self.rfile.read(length)
            if len(data) != length:
                raise Cut
            self.rfile.readline()
            yield data

    def body(self):
        return b"".join(bytes(piece) for piece in self.pieces())

    def json_body(self):
        if not self.headers.get("Content-Type", "").startswith("application/json"):
            raise ApiError(400, "badContent", "Unsupported content type.")
        return self.as_json(self.body())

    @staticmethod
    def as_json(data):
        try:
            value = json.loads(data or b"{}")
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise ApiError(400, "parseError", "Parse Error")
        return value

    def form(self):
        if not self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            raise Refused("invalid_request", "wrong content type")
        return dict(urllib.parse.parse_qsl(self.body().decode(), keep_blank_values=True))

    # Answers

    def send_json(self, status, value, headers=()):
        self.send(status, json.dumps(value).encode(), [("Content-Type", "application/json; charset=UTF-8"), *headers])

    def send(self, status, body=b"", headers=(), blob=None, start=0, length=0):
        """The one way out, where what was planned to go wrong does. The body is `body`, or `length` bytes of the open file `blob`."""
        fault, size = self.fault, length if blob else len(body)
        for _ in self._chunks() if self.unread == -1 else self._plain():
            pass  # what is left of the request: a connection that ends in the middle of it would hide the answer
        size = max(0, size - fault.get("short", 0)) + fault.get("long", 0)
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(size))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "HEAD" or status == 204:
            return
        if blob and not {"after", "flip", "short", "long"} & fault.keys():
            self.connection.sendfile(blob, start, length)
            return
        if blob:
            blob.seek(start)
            body = blob.read(length)
        body = bytearray(body[:size]) + bytes(max(0, size - len(body)))
        if "flip" in fault and body and self.command == "GET":
            body[fault["flip"] % len(body)] ^= 1
        self.send_damaged(bytes(body))

    def send_damaged(self, body):
        if "after" not in self.fault:
            self.connection.sendall(body)
            return
        self.connection.sendall(body[:self.fault["after"]])
        kind = self.fault["then"]
        if kind == "reset":
            raise Cut
        if kind == "stall":
            self.stall()
        for byte in body[self.fault["after"]:] if kind == "slow" else b"":
            time.sleep(1)
            self.connection.sendall(bytes([byte]))
        self.close_connection = kind != "slow"

    def stall(self):
        self.connection.settimeout(300)
        try:
            while self.connection.recv(STEP):
                pass
        finally:
            self.close_connection = True
        raise ConnectionError

    def reset(self):
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.server.forget(self.connection)

    def plan(self, call):
        """What goes wrong before the work of this call."""
        self.fault = self.world.faults.take(call)
        if not self.fault.get("work"):
            self.fail()

    def fail(self):
        fault = self.fault
        if fault.get("stall"):
            self.stall()
        if fault.get("hang_up"):
            raise Cut
        if "garbage" in fault:
            self.send(200, fault["garbage"].encode(), [("Content-Type", "application/json")])
            raise Done
        if "status" in fault:
            reason = fault.get("reason", "backendError")
            error = ApiError(fault["status"], reason, fault.get("message", "planned"), domain="usageLimits" if "LimitExceeded" in reason else "global")
            body = fault.get("body")
            self.send(fault["status"], json.dumps(error.body if body is None else body).encode(),
                      [("Content-Type", "application/json; charset=UTF-8"), *fault.get("headers", {}).items()])
            raise Done

    def done(self, status, value, headers=()):
        """An answer after the work is done."""
        if self.fault.get("work"):
            self.fail()
        self.send_json(status, value, headers)
