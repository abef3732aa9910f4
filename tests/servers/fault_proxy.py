"""A proxy before a provider's server that fails as it is told to: for servers that cannot be told themselves.

    proxy = FaultProxy("s3", upstream_port)      proxy.environment: MODELFLOAT_TEST_S3_PROXY (http://127.0.0.1:PORT), MODELFLOAT_TEST_S3_CONTROL

Requests are read whole, passed on unchanged (the Host header too) and answered whole, except for what a rule does to them. The control address takes
    POST /rules {...}        adds a rule        DELETE /rules    forgets all rules and the log
    POST /listen true|false  false: connections are cut and new ones refused
    GET /log                 [{"time", "method", "target", "headers", "body_bytes", "fault", "status"}, ...]; time in seconds, Authorization left out

A rule: which calls it meets, and one fault. The first rule that fits a call is taken.
    method, target    regular expressions for the whole method, and for some part of path and query; left out: any
    unless            {"header": "value"}, names in lower case: not a call that has all of these
    skip              so many calls that fit go through first (0)
    times             so many calls are met (1); 0: all from then on
    fault             "reset_request" {"at": n}   reads n bytes of the body, then resets; nothing is passed on
                      "reset_answer" {"at": n}    passed on; n bytes of the answer's body, then a reset (n = -1: before the head)
                      "cut" {"at": n}             the same with a proper close, with the length of the whole announced
                      "stall" {"at": n}           passed on; n bytes of the answer's body, then nothing (n = -1: not even the head)
                      "slow" {"rate": n}          the answer's body at n bytes a second
                      "late" {"seconds": n}       the whole answer, so much later
                      "shorter" {"by": n}         n bytes fewer, and said so        "longer" {"by": n}   n bytes more, and said so
                      "flip" {"at": n}            one bit of byte n of the answer's body
                      "empty"                     the answer without its body
                      "replace" {"pattern", "with"}   in the answer's body, a regular expression; it is asked for uncompressed
                      "answer" {"status", "headers", "body"}       said instead; not passed on
                      "answer_after" {"status", "headers", "body"} said instead, but passed on
                      "request_flip" {"at": n}    one bit of byte n of the request's body, then passed on
                      "request_shorter" {"by": n} n bytes fewer of the request's body are passed on, as if they were all
"""
import http.client
import json
import re
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NOTICED_SECONDS = 0.5  # some look only when they need it again
UNHARMED = {"transfer-encoding", "connection", "keep-alive", "content-length"}  # headers that the proxy makes itself


class Rule:
    def __init__(self, said):
        self.method = re.compile(said.get("method", ".*"))
        self.target = re.compile(said.get("target", ""))
        self.skip, self.times, self.fault, self.said = said.get("skip", 0), said.get("times", 1), said["fault"], said
        self.unless = said.get("unless")
        self.seen = 0

    def takes(self, method, target, headers):
        if not self.method.fullmatch(method) or not self.target.search(target):
            return False
        if self.unless is not None and all(headers.get(name) == value for name, value in self.unless.items()):
            return False
        self.seen += 1
        return self.seen > self.skip and (self.times == 0 or self.seen <= self.skip + self.times)


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:] if at < len(data) else data


class Hangup(Exception):
    """The connection is over."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    upstream = None

    def log_message(self, *_):
        pass

    def read_body(self, limit=None):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(length if limit is None else min(length, limit))

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        raise Hangup

    def say(self, status, headers, body, announced=None, method=None):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in UNHARMED:
                self.send_header(name, value)
        bodiless = status in (204, 304) or 100 <= status < 200
        if not bodiless:
            self.send_header("Content-Length", str(len(body) if announced is None else announced))
        self.end_headers()
        if not bodiless and method != "HEAD":
            self.wfile.write(body)

    def pass_on(self, method, body):
        """The upstream's (status, headers, body, announced length)."""
        for attempt in (1, 2):
            if self.upstream is None:
                self.upstream = http.client.HTTPConnection("127.0.0.1", self.server.proxy.upstream_port, timeout=120)
            try:
                self.upstream.putrequest(method, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                        self.upstream.putheader(name, value)
                if body or "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
                    self.upstream.putheader("Content-Length", str(len(body)))
                self.upstream.endheaders(body or None)
                answer = self.upstream.getresponse()
                data = answer.read()
                length = answer.headers.get("Content-Length")
                if answer.will_close:
                    self.upstream.close()
                    self.upstream = None
                return answer.status, answer.getheaders(), data, int(length) if method == "HEAD" and length else len(data)
            except (OSError, http.client.HTTPException):
                self.upstream.close()
                self.upstream = None
                if attempt == 2:
                    raise

    def handle_one_request(self):
        try:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            self.one_call()
            self.wfile.flush()
        except (Hangup, OSError, ValueError, http.client.HTTPException):
            self.close_connection = True

    def one_call(self):
        proxy = self.server.proxy
        entry = {"time": time.monotonic(), "method": self.command, "target": self.path, "status": None, "fault": None, "body_bytes": 0,
                 "headers": {name.lower(): value for name, value in self.headers.items() if name.lower() != "authorization"}}
        with proxy.lock:
            rule = next((rule for rule in proxy.rules if rule.takes(self.command, self.path, self.headers)), None)
            proxy.log.append(entry)
        fault, said = (rule.fault, rule.said) if rule else (None, {})
        entry["fault"], at = fault, said.get("at", 0)
        if fault == "reset_request":
            self.read_body(at)
            self.reset()
        body = self.read_body()
        entry["body_bytes"] = len(body)
        if fault == "answer":
            entry["status"] = said["status"]
            return self.say(said["status"], said.get("headers", {}).items(), said.get("body", "").encode(), method=self.command)
        if fault == "request_flip":
            body = flipped(body, at)
        if fault == "request_shorter":
            body = body[:max(0, len(body) - said["by"])]
        if fault == "replace":
            del self.headers["Accept-Encoding"]
        status, headers, data, announced = self.pass_on(self.command, body)
        entry["status"] = status
        if fault in ("reset_answer", "cut", "stall"):
            if at >= 0:
                self.say(status, headers, data[:at], announced, self.command)
                self.wfile.flush()
            if fault == "reset_answer":
                self.reset()
            if fault == "stall":
                proxy.wait_for_close(self.connection)
            raise Hangup
        if fault == "answer_after":
            status, headers, data = said["status"], said.get("headers", {}).items(), said.get("body", "").encode()
            announced, entry["status"] = len(data), status
        elif fault == "late":
            if proxy.ended.wait(said["seconds"]):
                raise Hangup
        elif fault == "slow":
            self.say(status, headers, b"", announced, self.command)
            for index in range(len(data)):
                self.wfile.write(data[index:index + 1])
                if proxy.ended.wait(1 / said["rate"]):
                    raise Hangup
            return None
        elif fault:
            old = len(data)
            if fault == "shorter":
                data = data[:max(0, old - said["by"])]
            elif fault == "longer":
                data += b"x" * said["by"]
            elif fault == "flip":
                data = flipped(data, at)
            elif fault == "empty":
                data = b""
            elif fault == "replace":
                data = re.sub(said["pattern"].encode(), said["with"].encode(), data, flags=re.DOTALL)
            elif fault not in ("request_flip", "request_shorter"):
                raise ValueError(fault)
            announced += len(data) - old
        return self.say(status, headers, data, announced, self.command)


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, proxy, port):
        self.proxy, self.open = proxy, set()
        super().__init__(("127.0.0.1", port), Handler)

    def process_request(self, request, client_address):
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.open.discard(request)
        super().shutdown_request(request)

    def end(self):
        """Clients get time to see that a connection is over: one that sends on it hears of a cut instead of nobody there."""
        self.shutdown()
        self.server_close()
        self.close_all(socket.SHUT_WR)
        end = time.monotonic() + NOTICED_SECONDS
        while self.open and time.monotonic() < end:
            time.sleep(0.01)
        self.close_all(socket.SHUT_RDWR)

    def close_all(self, how):
        for connection in list(self.open):
            try:
                connection.shutdown(how)
            except OSError:
                pass


class Control(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy = None

    def log_message(self, *_):
        pass

    def answer(self, data):
        body = json.dumps(data).encode()
        self.send_response_only(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with self.proxy.lock:
            self.answer(self.proxy.log)

    def do_DELETE(self):
        self.proxy.clear()
        self.answer({})

    def do_POST(self):
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/rules":
            self.proxy.add(said)
        else:
            self.proxy.listen(said)
        self.answer({})


class FaultProxy:
    def __init__(self, name, upstream_port):
        self.upstream_port, self.rules, self.log = upstream_port, [], []
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.listener, self.port = None, 0
        self.listen(True)
        self.control = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundControl", (Control,), {"proxy": self}))
        self.control.daemon_threads = True
        threading.Thread(target=self.control.serve_forever, args=(0.05,), daemon=True).start()
        prefix = f"MODELFLOAT_TEST_{name.upper()}"
        self.environment = {f"{prefix}_PROXY": f"http://127.0.0.1:{self.port}", f"{prefix}_CONTROL": f"http://127.0.0.1:{self.control.server_address[1]}"}

    def add(self, said):
        with self.lock:
            self.rules.append(Rule(said))

    def clear(self):
        with self.lock:
            self.rules, self.log = [], []

    def listen(self, wanted):
        if wanted and self.listener is None:
            self.listener = Listener(self, self.port)
            self.port = self.listener.server_address[1]
            threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True).start()
        elif not wanted and self.listener is not None:
            self.listener.end()
            self.listener = None

    def wait_for_close(self, connection):
        connection.settimeout(0.2)
        while not self.ended.is_set():
            try:
                if not connection.recv(65536):
                    return
            except TimeoutError:
                continue
            except OSError:
                return

    def stop(self):
        self.ended.set()
        self.listen(False)
        self.control.shutdown()
        self.control.server_close()
