"""Google Drive's API v3 and its OAuth as far as a client needs them to keep files, on one port of 127.0.0.1. Strict: what the documentation does not allow is refused.

drive_emulator.py PORT FOLDER     (FOLDER takes the content of the files)

Below the root: /drive/v3/…, /upload/drive/v3/…, /token, /device/code, /auth (a person who has agreed already), and /_control/… for tests:
  POST /_control/account {"limit": bytes, "kind": "desktop" or "tv", "scope": …}  a new account and client: {"account", "client_id", "client_secret", "refresh_token"}
  POST /_control/service_account {"limit": 0}    {"account", "key": the JSON key file}
  POST /_control/drive {"members": [account]}    {"id"} of a new shared drive
  POST /_control/faults [fault, …]               see drive_faults.py; /_control/clear forgets them and the counts
  GET  /_control/seen                            {"counts": {call: n}, "log": [[call, seconds], …], "met": how many calls met a fault}
  POST /_control/expire                          no access token is good any more; /_control/revoke {"refresh_token"}
  POST /_control/person {"account"}              whose account it is that agrees at /auth and at the device page
  POST /_control/device {"user_code", "state": "approved", "denied" or "expired"}
  POST /_control/index {"frozen": true}          files.list does not see what changes from now on
  POST /_control/count {"name"}                  {"count": files of this name that "client" made, in the trash too}
  POST /_control/trash {"name"}                  as the user may do it: everything of this name
  POST /_control/lose_sessions                   all upload addresses are forgotten
"""
import email
import http.server
import json
import os
import re
import secrets
import socket
import socketserver
import struct
import sys
import threading
import time
import urllib.parse

from drive_faults import Faults
from drive_files import CHUNK, ApiError, Files, not_found
from drive_oauth import FILE_SCOPE, Oauth, Refused
from drive_query import ABOUT, FILE, LIST, Query, check_fields, parse_fields, select, sort

STEP = 1 << 20
COMMON = {"fields", "alt", "prettyPrint", "quotaUser", "key", "supportsAllDrives", "supportsTeamDrives", "upload_protocol", "uploadType", "upload_id"}
ALLOWED = {
    "files.list": {"q", "pageSize", "pageToken", "orderBy", "spaces", "corpora", "driveId", "includeItemsFromAllDrives", "includeTeamDriveItems", "teamDriveId",
                   "corpus", "includePermissionsForView", "includeLabels"},
    "files.generateIds": {"count", "space", "type"},
    "files.get": {"acknowledgeAbuse", "includePermissionsForView", "includeLabels"},
    # setModifiedDate is of API v2, but rclone says it when it replaces a file by a resumable upload, and Google lets it.
    "files.update": {"addParents", "removeParents", "keepRevisionForever", "useContentAsIndexableText", "ocrLanguage", "enforceSingleParent", "setModifiedDate"},
    "files.create": {"keepRevisionForever", "useContentAsIndexableText", "ocrLanguage", "ignoreDefaultVisibility", "enforceSingleParent"},
    "files.delete": {"enforceSingleParent"}, "about.get": set(), "drives.get": {"useDomainAdminAccess"},
}


class Cut(Exception):
    """The connection is to end here."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 0
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    @property
    def world(self):
        return self.server.world

    def do_GET(self):
        self.fault, self.unread = {}, None
        address = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(address.query, keep_blank_values=True))
        self.host = ("https://" if self.headers.get("Host", "").endswith("googleapis.com") else "http://") + self.headers.get("Host", "")
        try:
            self.begin_body()
            self.dispatch(address.path)
        except Cut:
            self.reset()
        except ApiError as error:
            self.send_json(error.status, error.body)
        except Refused as error:
            self.send_json(error.status, {"error": error.error, "error_description": error.description})
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

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

    # Where a request goes

    def dispatch(self, path):
        try:
            if path.startswith("/_control/"):
                return self.control(path.removeprefix("/_control/"))
            if path == "/token" and self.command == "POST":
                self.plan("token")
                return self.done(200, self.world.oauth.token(self.form()))
            if path == "/device/code" and self.command == "POST":
                self.plan("device.code")
                return self.done(200, self.world.oauth.device_code(self.form(), self.host))
            if path == "/auth" and self.command == "GET":
                return self.send(302, b"", [("Location", self.world.oauth.authorize(self.query))])
            if path.startswith("/upload/drive/v3/files"):
                return self.upload(path.removeprefix("/upload/drive/v3/files").strip("/"))
            if path.startswith("/drive/v3/"):
                return self.api(path.removeprefix("/drive/v3/").split("/"))
            self.send(404, b"Not Found", [("Content-Type", "text/html")])
        except Done:
            pass

    def start_call(self, call):
        self.plan(call)
        unknown = self.query.keys() - COMMON - ALLOWED[".".join(call.split(".")[:2])]
        if unknown:
            raise ApiError(400, "invalidParameter", "Unknown parameter " + ", ".join(sorted(unknown)), sorted(unknown)[0])
        self.authorize()

    def authorize(self):
        self.grant = self.world.oauth.grant_of(self.headers.get("Authorization"))
        if self.grant is None:
            words = "Invalid Credentials" if self.headers.get("Authorization") else "Login Required"
            error = ApiError(401, "authError" if self.headers.get("Authorization") else "required", words)
            error.body["error"]["errors"][0].update(locationType="header", location="Authorization")
            raise error

    @property
    def all_drives(self):
        return "true" in (self.query.get("supportsAllDrives"), self.query.get("supportsTeamDrives"))

    def fields(self, schema, default):
        try:
            wanted = parse_fields(self.query.get("fields") or default)
            check_fields(wanted, schema)
        except ValueError:
            raise ApiError(400, "invalidParameter", f"Invalid field selection {self.query['fields']}", "fields")
        return wanted

    def send_file(self, file, status=200):
        wanted = self.fields(FILE, "kind,id,name,mimeType")
        self.done(status, select(file.resource(wanted), wanted))

    def api(self, parts):
        routes = {("GET", "about", 1): self.about, ("GET", "files", 1): self.list, ("POST", "files", 1): self.create, ("GET", "drives", 2): self.drive}
        route = routes.get((self.command, parts[0], len(parts)))
        if parts == ["files", "generateIds"] and self.command == "GET":
            return self.generate()
        if route:
            return route(*parts[1:])
        methods = {"GET": self.get, "PATCH": self.update, "DELETE": self.delete}
        if parts[0] == "files" and len(parts) == 2 and self.command in methods:
            return methods[self.command](urllib.parse.unquote(parts[1]))
        self.send(404, b"Not Found", [("Content-Type", "text/html")])

    def about(self):
        self.start_call("about.get")
        if "fields" not in self.query:
            raise ApiError(400, "required", "The 'fields' parameter is required for this method.", "fields")
        wanted = self.fields(ABOUT, "*")
        answer = {"kind": "drive#about", "user": {"displayName": "Person", "emailAddress": self.grant.account}, "storageQuota": self.world.files.quota(self.grant.account),
                  "maxUploadSize": "5242880000000", "importFormats": {}, "exportFormats": {}, "appInstalled": True}
        self.done(200, select(answer, wanted))

    def drive(self, identity):
        self.start_call("drives.get")
        if self.grant.account not in self.world.files.drives.get(identity, ()):
            raise ApiError(404, "notFound", f"Shared drive not found: {identity}", "driveId")
        self.done(200, {"kind": "drive#drive", "id": identity, "name": "Shared"})

    def generate(self):
        self.start_call("files.generateIds")
        count = self.number("count", 10, 1000)
        self.done(200, {"kind": "drive#generatedIds", "space": "drive", "ids": self.world.files.generate(self.grant.account, count)})

    def number(self, name, default, most):
        text = self.query.get(name, str(default))
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise ApiError(400, "invalidParameter", f"Invalid value '{text}'. Values must be within the range: [1, {most}]", name)
        return int(text)

    def list(self):
        self.start_call("files.list")
        query, files = self.query, self.world.files
        drive = query.get("driveId", query.get("teamDriveId"))
        every = self.all_drives and "true" in (query.get("includeItemsFromAllDrives"), query.get("includeTeamDriveItems"))
        if query.get("corpora", "user") not in ("user", "drive", "domain", "allDrives") or query.get("spaces", "drive") not in ("drive", "appDataFolder"):
            raise ApiError(400, "invalid", "Invalid Value", "corpora")
        if drive and (query.get("corpora") != "drive" or not every):
            raise ApiError(403, "teamDrivesParameterRequired", "The includeItemsFromAllDrives and supportsAllDrives parameters must be true, and corpora drive.")
        if drive and self.grant.account not in files.drives.get(drive, ()):
            raise ApiError(404, "notFound", f"Shared drive not found: {drive}", "driveId")
        wanted = self.fields(LIST, "kind,nextPageToken,incompleteSearch,files(kind,id,name,mimeType)")
        found = self.found(drive, every)
        size = self.number("pageSize", 100, 1000)
        start, found = self.page_start(found)
        end = start + (size if (start // 10) % 3 else max(1, size * 2 // 3))  # a page may be shorter than was asked
        answer = {"kind": "drive#fileList", "incompleteSearch": False,
                  "files": [file.resource(wanted.get("files") if "*" not in wanted else None) for file in found[start:end]]}
        if end < len(found):
            answer["nextPageToken"] = self.world.add_page(self.page_key(), end, found)
        self.done(200, select(answer, wanted))

    def found(self, drive, every):
        files = self.world.files
        try:
            query = Query(self.query.get("q", ""), files.accounts[self.grant.account].root)
        except ValueError:
            raise ApiError(400, "invalid", "Invalid Value", "q")
        with files.lock:
            for parent in filter(None, [query.required.get("parent")]):
                if not query.depth and parent not in files.files:
                    raise ApiError(404, "notFound", "File not found: .", "fileId")
            try:
                return sort([file for file in files.listed(self.grant, drive, every, query.required) if query.matches(file)], self.query.get("orderBy"))
            except ValueError:
                raise ApiError(400, "invalid", "Invalid Value", "orderBy")

    def page_key(self):
        return {name: value for name, value in self.query.items() if name in ("q", "orderBy", "driveId", "corpora")}

    def page_start(self, found):
        """Where this page begins, and in what: changes between pages move nothing."""
        token = self.query.get("pageToken")
        if token is None:
            return 0, found
        key, start, found = self.world.pages.get(token, (None, 0, None))
        if key != self.page_key():
            raise ApiError(400, "invalid", "Invalid Value", "pageToken")
        return start, [file for file in found if file.id in self.world.files.files]

    def create(self):
        self.start_call("files.create")
        self.send_file(self.world.files.create(self.grant, self.json_body(), self.all_drives))

    def get(self, identity):
        media = self.query.get("alt") == "media"
        self.start_call("files.get.media" if media else "files.get")
        with self.world.files.lock:
            account = self.world.files.accounts[self.grant.account]
            if identity == "root" and self.grant.scope == FILE_SCOPE or identity == account.root and self.grant.scope == FILE_SCOPE:
                raise not_found(identity)
            file = self.world.files.find(self.grant, identity, self.all_drives)
        return self.media(file) if media else self.send_file(file)

    def media(self, file):
        if file.blob is None:
            raise ApiError(403, "fileNotDownloadable", "Only files with binary content can be downloaded.", "alt")
        start, length, status, headers = 0, file.size, 200, [("Content-Type", file.mime_type)]
        kind, _, numbers = self.headers.get("Range", "").partition("=")
        first, dash, last = numbers.partition("-")
        if kind == "bytes" and dash and "," not in numbers and (first or last) and (first + last).isdecimal():
            start = int(first) if first else max(0, file.size - int(last))
            end = min(int(last), file.size - 1) if first and last else file.size - 1
            if start > end or start >= file.size:
                self.send_json(416, ApiError(416, "requestedRangeNotSatisfiable", "Request range not satisfiable").body, [("Content-Range", f"bytes */{file.size}")])
                return
            length, status = end - start + 1, 206
            headers.append(("Content-Range", f"bytes {start}-{end}/{file.size}"))
        try:
            blob = open(file.blob, "rb")
        except FileNotFoundError:  # deleted since it was found
            raise not_found(file.id) from None
        with blob:  # what is deleted while it is read is read to its end
            self.send(status, headers=headers, blob=blob, start=start, length=length)

    def update(self, identity):
        self.start_call("files.update")
        metadata = self.json_body()
        with self.world.files.lock:
            file = self.world.files.find(self.grant, identity, self.all_drives)
            add, remove = ([part for part in self.query.get(name, "").split(",") if part] for name in ("addParents", "removeParents"))
            self.world.files.update(self.grant, file, metadata, add, remove, self.all_drives)
        self.send_file(file)

    def delete(self, identity):
        self.start_call("files.delete")
        with self.world.files.lock:
            file = self.world.files.find(self.grant, identity, self.all_drives)
            if not self.fault.get("lose"):
                self.world.files.delete(file)
        if self.fault.get("work"):
            self.fail()
        self.send(204)

    # Uploads

    def upload(self, identity):
        kind = self.query.get("uploadType")
        if "upload_id" in self.query and self.command in ("PUT", "POST"):
            return self.upload_chunk(self.query["upload_id"])
        if (self.command, bool(identity)) not in (("POST", False), ("PATCH", True)):
            return self.send(404, b"Not Found", [("Content-Type", "text/html")])
        verb = "files.update" if identity else "files.create"
        if kind == "resumable":
            return self.start_session(verb, identity)
        if kind != "multipart":
            raise ApiError(400, "badRequest", "Bad Request", "uploadType")
        self.start_call(verb + ".multipart")
        metadata, content_type, media = self.multipart()
        if "flip" in self.fault and media:
            media = bytearray(media)
            media[self.fault["flip"] % len(media)] ^= 1
        self.store(identity, metadata, content_type, media)

    def multipart(self):
        kind, _, rest = self.headers.get("Content-Type", "").partition(";")
        boundary = dict(part.strip().partition("=")[::2] for part in rest.split(";")).get("boundary", "").strip('"')
        if kind.strip() != "multipart/related" or not boundary:
            raise ApiError(400, "badContent", "Media type is not supported.")
        body = self.body()
        mark = re.escape(b"--" + boundary.encode())
        end = re.match(mark + rb"(\r?\n)", body)  # Google's own Python client ends lines by LF alone
        end = end[1] if end else b"\r\n"
        marks = list(re.finditer(rb"(?:^|" + end + rb")" + mark + rb"(--)?(?:" + end + rb"|$)", body))
        if len(marks) != 3 or [mark[1] for mark in marks] != [None, None, b"--"] or marks[0].start() != 0:
            raise ApiError(400, "badContent", "Malformed multipart body.")
        kinds, datas = zip(*(self.part(body[marks[i].end():marks[i + 1].start()]) for i in (0, 1)))
        if not kinds[0].startswith("application/json") or not kinds[1]:
            raise ApiError(400, "badContent", "Malformed multipart body: each part names its type.")
        return self.as_json(datas[0]), kinds[1], datas[1]

    @staticmethod
    def part(text):
        """(its type, its data)"""
        end = re.search(rb"\r?\n\r?\n", text)
        head = email.message_from_bytes(text[:end.start()] if end else b"")
        return head.get("Content-Type", ""), text[end.end():] if end else b""

    def store(self, identity, metadata, content_type, media):
        files = self.world.files
        path = files.blob_path()
        with open(path, "wb") as blob:
            blob.write(media)
        try:
            if identity:
                with files.lock:
                    file = files.find(self.grant, identity, self.all_drives)
                file = files.update(self.grant, file, metadata, [], [], self.all_drives, path, len(media))
            else:
                file = files.create(self.grant, metadata, self.all_drives, path, len(media), content_type)
        except ApiError:
            os.unlink(path)
            raise
        if self.fault.get("lose"):
            wanted = self.fields(FILE, "kind,id,name,mimeType")
            answer = select(file.resource(wanted), wanted)
            files.delete(file)
            return self.done(200, answer)
        self.send_file(file)

    def start_session(self, verb, identity):
        self.start_call(verb + ".resumable")
        metadata = self.json_body()
        length = self.headers.get("X-Upload-Content-Length")
        if length is not None and not length.isdecimal():
            raise ApiError(400, "badRequest", "Invalid X-Upload-Content-Length")
        files = self.world.files
        with files.lock:
            replaces = files.find(self.grant, identity, self.all_drives) if identity else None
            session = files.start(self.grant, metadata, int(length) if length else None, self.all_drives, replaces)
        session.content_type = self.headers.get("X-Upload-Content-Type", "application/octet-stream")
        session.all_drives = self.all_drives
        where = self.host + self.path + ("&" if "?" in self.path else "?") + "upload_id=" + session.id
        if self.fault.get("work"):
            self.fail()
        self.send(200, b"", [("Location", where), ("X-GUploader-UploadID", session.id)])

    def upload_chunk(self, identity):
        kind, _, numbers = self.headers.get("Content-Range", "").partition(" ")
        extent, slash, total = numbers.partition("/")
        asks = kind == "bytes" and extent == "*"
        self.plan("upload.status" if asks else "upload.chunk")
        if self.headers.get("Authorization"):
            self.authorize()
        session = self.world.files.sessions.get(identity)
        if session is None:
            raise ApiError(404, "notFound", "Upload session not found.")
        if not session.lock.acquire(timeout=10):
            raise ApiError(503, "backendError", "The upload is busy.")
        try:
            if session.done is not None:
                return self.send_file(session.done)
            if asks:
                if total.isdecimal() and session.length is None:
                    session.length = int(total)
                if session.length == 0 and session.received == 0:
                    return self.complete(session)
                return self.incomplete(session)
            self.take_chunk(session, extent, slash, total)
        finally:
            session.lock.release()

    def take_chunk(self, session, extent, slash, total):
        size = self.unread if self.unread != -1 else None
        first, last, whole = 0, None, size
        if slash:
            begin, dash, end = extent.partition("-")
            if not dash or not (begin + end).isdecimal() or not (total == "*" or total.isdecimal()):
                raise ApiError(400, "badRequest", "Invalid Content-Range")
            first, last, whole = int(begin), int(end), None if total == "*" else int(total)
        if whole is not None and session.length is not None and whole != session.length:
            raise ApiError(400, "badRequest", "The total differs from X-Upload-Content-Length.")
        if first != session.received or (last is not None and size is not None and last - first + 1 != size) or (last is not None and whole is not None and last >= whole):
            raise ApiError(400, "badRequest", "Invalid Content-Range")
        is_last = whole is not None and (last is None or last + 1 == whole)
        if not is_last and last is not None and (last - first + 1) % CHUNK:
            raise ApiError(400, "badRequest", "Chunks must be multiples of 256 KiB.")
        try:
            with open(session.path, "r+b") as blob:
                blob.seek(first)
                for piece in self.pieces():
                    blob.write(piece)
                    session.received += len(piece)
        finally:
            if not (is_last and session.received == whole):
                session.received -= session.received % CHUNK
        if is_last and session.received != whole:
            raise ApiError(400, "badRequest", "The body is shorter than Content-Range says.")
        if is_last or (whole is None and last is None):
            return self.complete(session)
        self.incomplete(session)

    def incomplete(self, session):
        self.send(308, b"", [("Range", f"bytes=0-{session.received - 1}")] if session.received else [])

    def complete(self, session):
        os.truncate(session.path, session.received)
        if "flip" in self.fault and session.received:
            with open(session.path, "r+b") as blob:
                blob.seek(self.fault["flip"] % session.received)
                byte = blob.read(1)
                blob.seek(-1, 1)
                blob.write(bytes([byte[0] ^ 1]))
        file = self.world.files.finish(session, session.all_drives, session.content_type)
        if self.fault.get("lose"):
            wanted = self.fields(FILE, "kind,id,name,mimeType")
            answer = select(file.resource(wanted), wanted)
            self.world.files.delete(file)
            return self.done(200, answer)
        self.send_file(file)

    # Tests' own addresses

    def control(self, what):
        world = self.world
        data = self.body()
        asked = json.loads(data) if data else {}
        answer = {}
        if what == "account":
            account = world.files.add_account(asked.get("limit"))
            client = world.oauth.add_client(asked.get("kind", "desktop"))
            world.oauth.person = account.email
            answer = {"account": account.email, "client_id": client, "client_secret": world.oauth.clients[client]["secret"],
                      "refresh_token": world.oauth.add_refresh_token(account.email, client, asked.get("scope", FILE_SCOPE))}
        elif what == "service_account":
            account = world.files.add_account(asked.get("limit", 0))
            answer = {"account": account.email, "key": world.oauth.add_service_account(account.email, self.host)}
        elif what == "drive":
            answer = {"id": world.files.add_drive(*asked["members"])}
        elif what == "faults":
            world.faults.plan(asked)
        elif what == "clear":
            world.faults.clear()
        elif what == "seen":
            answer = world.faults.seen()
        elif what == "expire":
            world.oauth.expire_all()
        elif what == "revoke":
            world.oauth.revoke(asked["refresh_token"])
        elif what == "person":
            world.oauth.person = asked["account"]
        elif what == "device":
            answer = {"found": world.oauth.decide(asked["user_code"], asked["state"])}
        elif what == "index":
            world.files.freeze_index(asked["frozen"])
        elif what == "count":
            with world.files.lock:
                answer = {"count": sum(file.client == asked["client"] for file in world.files.by_name.get(asked["name"].lower(), {}).values())}
        elif what == "copies":
            world.files.copy(asked["client"], asked["name"], asked["names"])
        elif what == "trash":
            with world.files.lock:
                for file in list(world.files.by_name.get(asked["name"].lower(), {}).values()):
                    file.trashed = True
        elif what == "lose_sessions":
            world.files.sessions.clear()
        else:
            return self.send(404, b"no such control")
        self.send_json(200, answer)


class Done(Exception):
    """The answer has been sent."""


class World:
    def __init__(self, folder):
        self.faults, self.oauth, self.files = Faults(), Oauth(), Files(folder)
        self.pages = {}  # page token: what it stands for

    def add_page(self, key, start, found):
        token = "~!" + secrets.token_urlsafe(24)
        self.pages[token] = (key, start, found)
        while len(self.pages) > 200:
            del self.pages[next(iter(self.pages))]
        return token


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, folder):
        super().__init__(address, Handler)
        self.world = World(folder)
        self.gone = set()

    def forget(self, connection):
        self.gone.add(id(connection))

    def shutdown_request(self, request):
        if id(request) in self.gone:
            self.gone.discard(id(request))
        else:
            super().shutdown_request(request)

    def handle_error(self, request, address):
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, ValueError)):
            super().handle_error(request, address)


def main():
    port, folder = int(sys.argv[1]), sys.argv[2]
    os.makedirs(folder, exist_ok=True)
    threading.stack_size(512 << 10)
    Server(("127.0.0.1", port), folder).serve_forever()


if __name__ == "__main__":
    main()
