"""What lies on tests/servers/drive_emulator.py: accounts, shared drives, files, upload sessions."""
import collections
import copy
import hashlib
import itertools
import mmap
import os
import secrets
import threading
import time

FOLDER = "application/vnd.google-apps.folder"
CHUNK = 256 << 10


class ApiError(Exception):
    """An error as Google words it: errors[0].reason decides what it means, more than the status."""

    def __init__(self, status, reason, message, location=None, domain="global"):
        super().__init__(reason)
        self.status = status
        detail = {"domain": domain, "reason": reason, "message": message}
        if location:
            detail.update(locationType="parameter", location=location)
        self.body = {"error": {"errors": [detail], "code": status, "message": message}}


def not_found(identity):
    return ApiError(404, "notFound", f"File not found: {identity}.", "fileId")


def now_text():
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"


class Account:
    def __init__(self, email, root, limit):
        self.email, self.root, self.limit = email, root, limit
        self.usage = 0
        self.issued = set()  # ids of files/generateIds that no file has yet


class File:
    def __init__(self, identity, name, mime_type, parents, account, client, drive):
        self.id, self.name, self.mime_type, self.parents = identity, name, mime_type, parents
        self.account, self.client, self.drive = account, client, drive
        self.created = self.modified = now_text()
        self.trashed, self.size, self.blob, self.properties, self.description = False, 0, None, {}, None
        self.keeper = None  # the files that hold the parents
        self.sums = {}

    @property
    def is_folder(self):
        return self.mime_type == FOLDER

    def trashed_now(self):
        """Itself, or by a folder above it."""
        return self.trashed or any(parent.trashed_now() for parent in map(self.keeper.get, self.parents) if parent is not None)

    def checksum(self, kind):
        if kind not in self.sums:
            digest = hashlib.new(kind)
            with open(self.blob, "rb") as blob:
                if self.size:
                    with mmap.mmap(blob.fileno(), 0, access=mmap.ACCESS_READ) as view:
                        digest.update(view)
            self.sums[kind] = digest.hexdigest()
        return self.sums[kind]

    def resource(self, wanted):
        """As JSON; what is dear to compute only when it is wanted."""
        answer = {"kind": "drive#file", "id": self.id, "name": self.name, "mimeType": self.mime_type, "trashed": self.trashed_now(),
                  "explicitlyTrashed": self.trashed, "parents": list(self.parents), "createdTime": self.created, "modifiedTime": self.modified, "starred": False,
                  "version": "1", "ownedByMe": self.drive is None, "capabilities": {"canDownload": True}, "spaces": ["drive"], "shared": self.drive is not None}
        if self.properties:
            answer["appProperties"] = dict(self.properties)
        if self.description is not None:
            answer["description"] = self.description
        if self.drive is not None:
            answer["driveId"] = answer["teamDriveId"] = self.drive
        if self.blob is not None:
            answer.update(size=str(self.size), quotaBytesUsed=str(self.size), originalFilename=self.name, headRevisionId="0B" + self.id)
            for field, kind in (("md5Checksum", "md5"), ("sha1Checksum", "sha1"), ("sha256Checksum", "sha256")):
                if wanted is None or field in wanted or "*" in wanted:
                    answer[field] = self.checksum(kind)
        return answer


class Session:
    """A resumable upload under way."""

    def __init__(self, identity, path, metadata, length, grant, replaces):
        self.id, self.path, self.metadata, self.length, self.grant, self.replaces = identity, path, metadata, length, grant, replaces
        self.received, self.done = 0, None
        self.lock = threading.Lock()


class Files:
    def __init__(self, folder):
        self.folder = folder
        self.lock = threading.RLock()
        self.accounts, self.drives, self.files, self.sessions = {}, {}, {}, {}
        self.by_name, self.by_parent = collections.defaultdict(dict), collections.defaultdict(dict)
        self.index = None  # what files.list sees while its index is behind: copies of the files
        self.numbers = itertools.count()

    def blob_path(self):
        return os.path.join(self.folder, f"blob-{next(self.numbers)}")

    def add_account(self, limit):
        with self.lock:
            email = f"person-{secrets.token_hex(4)}@example.test"
            root = self._add_root(email, None)
            self.accounts[email] = Account(email, root, limit)
            return self.accounts[email]

    def add_drive(self, *emails):
        """A shared drive, and who is a member of it."""
        with self.lock:
            root = self._add_root(None, "new")
            self.drives[root] = set(emails)
            return root

    def _add_root(self, email, drive):
        root = "0A" + secrets.token_urlsafe(12) + ("9PVA" if email else "Uk9PVA")
        file = File(root, "My Drive" if email else "Shared", FOLDER, [], email, None, root if drive else None)
        file.keeper = self.files
        self.files[root] = file
        return root

    def freeze_index(self, frozen):
        with self.lock:
            self.index = {identity: copy.copy(file) for identity, file in self.files.items()} if frozen else None

    # Who may see what

    def may_see(self, grant, file, all_drives=True):
        if file.drive is not None:
            if not all_drives or grant.account not in self.drives.get(file.drive, ()):
                return False
            if file.id == file.drive:
                return True
        elif file.account != grant.account:
            return False
        return grant.scope.endswith("/drive") or file.client == grant.client

    def find(self, grant, identity, all_drives):
        if identity == "root":
            identity = self.accounts[grant.account].root
        file = self.files.get(identity)
        if file is None or not self.may_see(grant, file, all_drives):
            raise not_found(identity)
        return file

    def listed(self, grant, drive, all_drives, required):
        """What files.list looks through."""
        with self.lock:
            if self.index is not None:
                candidates = self.index
            elif "name" in required:
                candidates = self.by_name.get(required["name"], {})
            else:
                candidates = self.by_parent.get(required["parent"], {}) if "parent" in required else self.files
            return [file for file in candidates.values()
                    if file.parents and (file.drive == drive if drive else file.drive is None or all_drives) and self.may_see(grant, file, all_drives)]

    # Changes

    def _enter(self, file):
        self.files[file.id] = file
        self.by_name[file.name.lower()][file.id] = file
        for parent in file.parents:
            self.by_parent[parent][file.id] = file

    def _leave(self, file):
        self.files.pop(file.id, None)
        self.by_name[file.name.lower()].pop(file.id, None)
        for parent in file.parents:
            self.by_parent[parent].pop(file.id, None)

    def generate(self, account, count):
        with self.lock:
            ids = ["1" + secrets.token_urlsafe(24) for _ in range(count)]
            self.accounts[account].issued.update(ids)
            return ids

    def check_metadata(self, grant, metadata, all_drives, new):
        """Refuses what a real server refuses; gives (id or None, parents or None, drive)."""
        for field in metadata:
            if field in ("size", "md5Checksum", "sha256Checksum", "version", "kind", "owners"):
                raise ApiError(403, "fieldNotWritable", f"The resource body includes fields which are not directly writable: {field}")
        identity, parents = metadata.get("id"), metadata.get("parents")
        if not new and (identity or parents):
            raise ApiError(403, "fieldNotWritable", "The resource body includes fields which are not directly writable.")
        if identity is not None:
            self._check_id(grant, identity)
        if parents is not None and (not isinstance(parents, list) or len(parents) != 1):
            raise ApiError(400, "invalid", "A file must have exactly one parent.", "parents")
        account = self.accounts[grant.account]
        parent = self.find(grant, parents[0], all_drives) if parents and parents != ["root"] and parents != [account.root] else self.files[account.root]
        if not parent.is_folder:
            raise ApiError(403, "parentNotAFolder", "The specified parent is not a folder.")
        return identity, [parent.id], parent.drive

    def _check_id(self, grant, identity):
        if identity in self.files:
            raise ApiError(409, "fileIdInUse", "A file already exists with the provided ID.")
        if identity not in self.accounts[grant.account].issued:
            raise ApiError(400, "invalid", "The provided file ID is not usable.", "file.id")

    def check_room(self, grant, drive, more):
        account = self.accounts[grant.account]
        if drive is None and account.limit is not None and account.usage + more > account.limit:
            if account.limit == 0:
                raise ApiError(403, "storageQuotaExceeded", "Service Accounts do not have storage quota. Leverage shared drives, or use OAuth delegation instead.")
            raise ApiError(403, "storageQuotaExceeded", "The user's Drive storage quota has been exceeded.")

    def create(self, grant, metadata, all_drives, blob=None, size=0, default_type="application/octet-stream"):
        with self.lock:
            identity, parents, drive = self.check_metadata(grant, metadata, all_drives, True)
            self.check_room(grant, drive, size)
            identity = identity or self.generate(grant.account, 1)[0]
            self.accounts[grant.account].issued.discard(identity)
            file = File(identity, metadata.get("name", "Untitled"), metadata.get("mimeType", default_type), parents, None if drive else grant.account, grant.client, drive)
            file.keeper = self.files
            self._apply(file, metadata)
            self._set_content(file, blob, size)
            self._enter(file)
            return file

    def copy(self, client, name, names):
        """Files beside the one of that name that this client has made, for tests that need very many."""
        with self.lock:
            [like] = [file for file in self.by_name[name.lower()].values() if file.client == client]
            for other in names:
                file = copy.copy(like)
                file.id, file.name, file.properties = "1" + secrets.token_urlsafe(24), other, dict(like.properties)
                self._enter(file)

    def _apply(self, file, metadata):
        for field, attribute in (("name", "name"), ("description", "description"), ("trashed", "trashed"), ("mimeType", "mime_type"), ("createdTime", "created")):
            if field in metadata:
                setattr(file, attribute, metadata[field])
        for key, value in metadata.get("appProperties", {}).items():
            if len((key + (value or "")).encode()) > 124:
                raise ApiError(400, "invalid", "Property key and value together are longer than 124 bytes.", "appProperties")
            file.properties[key] = value
        file.modified = metadata.get("modifiedTime", now_text())

    def _set_content(self, file, blob, size):
        if blob is None:
            return
        old = file.blob
        file.blob, file.sums = blob, {}
        self._count(file, size - file.size)
        file.size = size
        if old:
            os.unlink(old)

    def _count(self, file, more):
        if file.drive is None and file.account is not None:
            self.accounts[file.account].usage += more

    def update(self, grant, file, metadata, add, remove, all_drives, blob=None, size=0):
        with self.lock:
            self.check_metadata(grant, metadata, all_drives, False)
            if blob is not None:
                self.check_room(grant, file.drive, size - file.size)
            if not add and any(parent in file.parents for parent in remove):
                raise ApiError(403, "cannotRemoveLastParent", "A file must have exactly one parent.")
            parents = [self.find(grant, parent, all_drives).id for parent in add] or file.parents
            self._leave(file)
            file.parents = parents
            self._apply(file, metadata)
            self._set_content(file, blob, size)
            self._enter(file)
            return file

    def delete(self, file):
        with self.lock:
            for child in list(self.by_parent.get(file.id, {}).values()):
                self.delete(child)
            self._leave(file)
            self._count(file, -file.size)
            if file.blob:
                os.unlink(file.blob)

    def quota(self, account):
        with self.lock:
            account = self.accounts[account]
            trash = sum(file.size for file in self.files.values() if file.account == account.email and file.trashed_now())
            quota = {"usage": str(account.usage), "usageInDrive": str(account.usage), "usageInDriveTrash": str(trash)}
            if account.limit is not None:
                quota["limit"] = str(account.limit)
            return quota

    # Resumable uploads

    def start(self, grant, metadata, length, all_drives, replaces):
        with self.lock:
            _, _, drive = self.check_metadata(grant, metadata, all_drives, replaces is None)
            self.check_room(grant, replaces.drive if replaces else drive, length or 0)
            identity = secrets.token_urlsafe(40)
            self.sessions[identity] = Session(identity, self.blob_path(), metadata, length, grant, replaces)
            open(self.sessions[identity].path, "wb").close()
            return self.sessions[identity]

    def finish(self, session, all_drives, default_type):
        """The session's bytes become the file."""
        if session.replaces is not None:
            session.done = self.update(session.grant, session.replaces, session.metadata, [], [], all_drives, session.path, session.received)
        else:
            session.done = self.create(session.grant, session.metadata, all_drives, session.path, session.received, default_type)
        return session.done
