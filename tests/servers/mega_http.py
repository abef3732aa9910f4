"""One connection to tests/servers/mega_emulator.py: requests, answers, what is planned to go wrong with them, and the storage servers' uploads and downloads."""
import hashlib
import json
import os
import secrets
import socket
import socketserver
import struct
import time
import urllib.parse

from mega_arithmetic import from_base64url, to_base64url


class Hangup(Exception):
    pass


class Handler(socketserver.StreamRequestHandler):
    rbufsize = 1 << 16
    disable_nagle_algorithm = True

    @property
    def emulator(self):
        return self.server.emulator

    def handle(self):
        try:
            while self.one_request():
                pass
        except (Hangup, ConnectionError, TimeoutError):
            pass

    def one_request(self):
        line = self.rfile.readline(65536)
        if not line:
            return False
        method, target, _ = line.decode("latin-1").split()
        self.headers = {}
        while True:
            line = self.rfile.readline(65536)
            if line in (b"\r\n", b""):
                break
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self.length = int(self.headers.get("content-length", 0))
        if "chunked" in self.headers.get("transfer-encoding", "") or (method == "POST" and "content-length" not in self.headers):
            self.reply(b"", 411)
            return False
        path, _, query = target.partition("?")
        self.query = {**dict(urllib.parse.parse_qsl(query)), "client": self.client_address[0]}
        part = path.strip("/").split("/")
        if path == "/_control":
            self.reply(json.dumps(self.emulator.control(json.loads(self.rfile.read(self.length)))).encode())
        elif path == "/cs" and method == "POST":
            self.serve_commands()
        elif path == "/sc":
            self.rfile.read(self.length)
            fault = self.emulator.fault("sc")
            if not self.broken(fault):
                self.answer(self.emulator.events(self.query, fault).encode(), fault)
        elif path == "/wsc":
            self.rfile.read(self.length)
            self.reply(self.emulator.wait_for_events(self.query).encode())
        elif part[0] == "ul" and len(part) == 3 and method == "POST":
            self.serve_upload(part[1], part[2].partition("?")[0])
        elif part[0] == "dl" and method == "GET":
            self.serve_download(part[1], part[2] if len(part) > 2 else None)
        else:
            self.rfile.read(self.length)
            self.reply(b"", 404)
        return True

    def reply(self, body, status=200, headers=None, length=None):
        head = [f"HTTP/1.1 {status} {'Server Too Busy' if status == 500 else 'X'}", f"Content-Length: {len(body) if length is None else length}"]
        head += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.connection.sendall(("\r\n".join(head) + "\r\n\r\n").encode() + body)

    def hang_up(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        raise Hangup

    def broken(self, fault):
        """Faults that come before anything is done. True when the request is answered by them."""
        if "stall" in fault:
            time.sleep(fault["stall"])
        if fault.get("reset"):
            self.hang_up()
        if "expire" in fault:
            with self.emulator.lock:
                self.emulator.sessions.pop(self.query.get("sid"), None)
        if "status" in fault:
            self.reply(b"", fault["status"], fault.get("headers"))
        elif "code" in fault:
            self.reply(str(fault["code"]).encode())
        elif "hashcash" in fault:
            token = to_base64url(secrets.token_bytes(48))
            self.emulator.challenges.add((token, fault["hashcash"]))
            self.reply(b"", 402, {"X-Hashcash": f"1:{fault['hashcash']}:{int(time.time())}:{token}"})
        else:
            return False
        return True

    def answer(self, body, fault):
        if fault.get("unanswered"):
            self.hang_up()
        if "cut" in fault:
            self.reply(body[:fault["cut"]], length=len(body))
            self.hang_up()
        if "slow" in fault:
            self.reply(b"", length=len(body))
            for at in range(len(body)):
                time.sleep(1 / fault["slow"])
                self.connection.sendall(body[at:at + 1])
            return
        self.reply(body[:len(body) - fault.get("short", 0)])

    def solved(self):
        """Whether the work was done that an earlier answer asked for."""
        version, token, prefix = (self.headers["x-hashcash"].split(":") + ["", ""])[:3]
        challenge = next((one for one in self.emulator.challenges if one[0] == token), None)
        if version != "1" or challenge is None:
            return False
        easiness = challenge[1]
        digest = hashlib.sha256(from_base64url(prefix).ljust(4, b"\0")[:4] + from_base64url(token) * 262144).digest()
        self.emulator.challenges.discard(challenge)
        return struct.unpack(">I", digest[:4])[0] <= (((easiness & 63) << 1) + 1) << ((easiness >> 6) * 7 + 3)

    def serve_commands(self):
        body = self.rfile.read(self.length)
        if "x-hashcash" in self.headers and not self.solved():
            return self.reply(b"", 402)
        try:
            name = json.loads(body)[0]["a"]
        except (ValueError, LookupError, TypeError):
            return self.reply(b"-2")
        fault = {} if "x-hashcash" in self.headers else self.emulator.fault(name)
        if self.broken(fault):
            return None
        if "one_code" in fault:
            return self.reply(json.dumps([fault["one_code"]]).encode())
        return self.answer(self.emulator.commands(self.query, body, fault).encode(), fault)

    def serve_upload(self, token, offset):
        emulator = self.emulator
        fault = emulator.fault("ul")
        if "cut" in fault:  # of what comes in
            self.rfile.read(fault["cut"])
            self.hang_up()
        upload = emulator.uploads.get(token)
        good = upload is not None and upload.end > time.monotonic() and "status" not in fault
        begin = int(offset) if offset.isdigit() else -1
        end = begin + self.length
        fits = good and begin in upload.missing | set(upload.begins or [0]) and (end in upload.ends or (upload.size == 0 and end == 0))
        view = memoryview(bytearray(min(self.length, 1 << 20)))
        at = begin
        while at < end:
            count = self.rfile.readinto(view[:min(len(view), end - at)])
            if not count:
                raise Hangup
            if fits:
                os.pwrite(upload.descriptor, view[:count], at)
            at += count
        if self.broken(fault):
            return None
        if not good:
            return self.reply(b"", 404)
        if not fits:
            return self.reply(b"-7")
        with emulator.lock:
            upload.missing -= {one for one in upload.begins if begin <= one < max(end, begin + 1)}
            if upload.missing:
                return self.answer(b"", fault)
            handle = secrets.token_bytes(36)
            text = to_base64url(handle) if upload.version >= 2 else to_base64url(handle[:20])
            upload.account.tokens[text] = (upload.path, upload.size)
            os.close(upload.descriptor)
            upload.descriptor = os.open(upload.path, os.O_RDWR)  # a piece that is sent again still has a place
        return self.answer(handle if upload.version >= 2 else text.encode(), fault)

    def serve_download(self, token, wanted):
        fault = self.emulator.fault("dl")
        if self.broken(fault):
            return None
        path, size, end = self.emulator.downloads.get(token, (None, 0, 0))
        if path is None or end < time.monotonic() or not path.exists():
            return self.reply(b"", 404)
        first, last = 0, size - 1
        if wanted:
            try:
                first, last = (int(number) for number in wanted.split("-"))
            except ValueError:
                return self.reply(b"", 404)
        if not 0 <= first <= last < size:
            return self.reply(b"", 416)
        count = last - first + 1
        with open(path, "rb") as file:
            if fault:
                file.seek(first)
                body = bytearray(file.read(count))
                if "flip" in fault:
                    body[fault["flip"]] ^= 1
                return self.answer(bytes(body), fault)
            self.reply(b"", length=count)
            self.connection.settimeout(None)
            while count > 0:
                sent = os.sendfile(self.connection.fileno(), file.fileno(), first, count)
                if sent == 0:
                    raise Hangup
                first += sent
                count -= sent
        return None
