"""A WebDAV server over TLS, in memory, on 127.0.0.1: as much of it as a store needs."""
import contextlib
import http.server
import socketserver
import ssl
import subprocess
import threading
import urllib.parse
import xml.sax.saxutils


def openssl(folder, *arguments):
    subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True)


class Authority:
    """Its certificate is in `file`."""

    def __init__(self, folder, name="authority"):
        folder.mkdir(exist_ok=True)
        self.folder, self.name, self.file = folder, name, folder / f"{name}.pem"
        openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", self.file,
                "-days", "2", "-subj", f"/CN={name} of a test")

    def certify(self, name, subject="IP:127.0.0.1", days=1):
        """(certificate, key); already expired where `days` is negative."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={subject}\n")
        openssl(self.folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", f"{name}.csr", "-subj", "/CN=server")
        openssl(self.folder, "x509", "-req", "-in", f"{name}.csr", "-CA", self.file, "-CAkey", f"{self.name}.key", "-CAcreateserial", "-days", days,
                "-extfile", f"{name}.ext", "-out", certificate)
        return certificate, key


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def path_of(self, url):
        return urllib.parse.unquote(urllib.parse.urlsplit(url).path).rstrip("/")

    def answer(self, status, body=b"", head=()):
        self.send_response(status)
        for name, value in head:
            self.send_header(name, value)
        self.send_header("Content-Length", len(body))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except OSError:  # the other side does not like our certificate, or is gone
            self.close_connection = True

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_PROPFIND(self):
        self.body()
        here, held = self.path_of(self.path), self.server.held
        if here not in held:
            return self.answer(404)
        paths = [here] + [path for path in held if self.headers["Depth"] == "1" and path.rpartition("/")[0] == here and path != here]
        parts = ""
        for path in paths:
            what = "<resourcetype><collection/></resourcetype>" if held[path] is None else f"<resourcetype/><getcontentlength>{len(held[path])}</getcontentlength>"
            href = xml.sax.saxutils.escape(urllib.parse.quote(path) + ("/" if held[path] is None else ""))
            parts += f"<response><href>{href}</href><propstat><prop>{what}</prop><status>HTTP/1.1 200 OK</status></propstat></response>"
        return self.answer(207, f'<?xml version="1.0"?><multistatus xmlns="DAV:">{parts}</multistatus>'.encode(), [("Content-Type", "application/xml")])

    def do_MKCOL(self):
        self.body()
        here = self.path_of(self.path)
        if here in self.server.held:
            return self.answer(405)
        if here.rpartition("/")[0] not in self.server.held:
            return self.answer(409)
        self.server.held[here] = None
        return self.answer(201)

    def do_PUT(self):
        self.server.held[self.path_of(self.path)] = self.body()
        self.answer(201)

    def do_MOVE(self):
        target = self.path_of(self.headers["Destination"])
        if target in self.server.held and self.headers["Overwrite"] == "F":
            return self.answer(412)
        self.server.held[target] = self.server.held.pop(self.path_of(self.path))
        return self.answer(201)

    def do_DELETE(self):
        self.answer(404 if self.server.held.pop(self.path_of(self.path), self) is self else 204)

    def do_GET(self):
        found = self.server.held.get(self.path_of(self.path))
        self.answer(404) if found is None else self.answer(200, found)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


@contextlib.contextmanager
def serving(certificate, key):
    """Its https address, as long as it lasts."""
    server = Server(("127.0.0.1", 0), Handler)
    server.held = {"": None}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
