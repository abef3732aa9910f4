"""A pinning service as the IPFS Pinning Service API 1.0 describes it, as far as a client can see: it fetches nothing, and refuses what it should."""
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TOKEN = "pinning-token"
STATUSES = {"queued", "pinning", "pinned", "failed"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, data=None):
        body = b"" if data is None else json.dumps(data).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, reason):
        self.say(status, {"error": {"reason": reason, "details": ""}})

    def allowed(self):
        if self.headers.get("Authorization") == "Bearer " + TOKEN:
            return True
        self.refuse(401, "UNAUTHORIZED")
        return False

    def do_GET(self):
        if not self.allowed():
            return
        address = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(address.query, strict_parsing=bool(address.query)).items()}
        wanted = set(query.get("status", "pinned").split(","))  # what the API takes when nothing is said
        if address.path != "/api/pins" or not wanted <= STATUSES or not 1 <= int(query.get("limit", 10)) <= 1000:
            return self.refuse(400, "BAD_REQUEST")
        with self.server.lock:
            found = [pin for pin in self.server.pins.values() if pin["status"] in wanted]
        found = [pin for pin in found if query.get("name") in (None, pin["pin"]["name"]) and query.get("cid", pin["pin"]["cid"]) == pin["pin"]["cid"]]
        self.say(200, {"count": len(found), "results": found[:int(query.get("limit", 10))]})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.allowed():
            return
        pin = json.loads(body)
        if self.path != "/api/pins" or self.headers["Content-Type"] != "application/json" or not pin["cid"].startswith("b") or len(pin["name"]) > 255:
            return self.refuse(400, "BAD_REQUEST")
        with self.server.lock:
            self.server.counter += 1
            request = {"requestid": f"id/{self.server.counter}", "status": "queued", "created": "2026-01-01T00:00:00Z", "pin": pin, "delegates": []}
            self.server.pins[request["requestid"]] = request
        self.say(202, request)

    def do_DELETE(self):
        if not self.allowed():
            return
        request = self.path.removeprefix("/api/pins/").replace("%2F", "/")
        with self.server.lock:
            gone = self.server.pins.pop(request, None)
        self.refuse(404, "NOT_FOUND") if gone is None else self.say(202)


class PinningService:
    def __init__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.pins, self.server.counter, self.server.lock = {}, 0, threading.Lock()
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.environment = {"MODELFLOAT_TEST_PINNING": f"http://127.0.0.1:{self.server.server_address[1]}/api", "MODELFLOAT_TEST_PINNING_TOKEN": TOKEN}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
