"""The calls below /drive/v3 of tests/servers/drive_emulator.py: about, drives and files, but for uploads (drive_uploads.py)."""
import urllib.parse

from drive_call import Call
from drive_files import ApiError, not_found
from drive_oauth import FILE_SCOPE
from drive_query import ABOUT, LIST, Query, select, sort


class Api(Call):
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
