"""The calls below /upload/drive/v3 of tests/servers/drive_emulator.py: multipart uploads, and resumable ones piece by piece."""
import email
import os
import re

from drive_call import Call
from drive_files import CHUNK, ApiError
from drive_query import FILE, select


class Uploads(Call):
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
