"""What lies on tests/servers/mega_emulator.py: accounts with their nodes and events, and uploads under way."""
import hashlib
import os
import secrets
import struct
import threading
import time

from mega_arithmetic import aes_ecb, chunk_ends, mpi, to_base64url, v1_key, v1_proof

ADDRESS_SECONDS = 3600
ROOT, INBOX, TRASH, FOLDER, FILE = 2, 3, 4, 1, 0


class MegaError(Exception):
    def __init__(self, code, whole=False):
        self.code, self.whole = code, whole  # whole: the answer is the number alone, not a list


class Account:
    def __init__(self, emulator, email, password, version=2, totp_secret=None, quota=20 << 30, blocked=False):
        self.email, self.version, self.totp_secret, self.quota, self.blocked = email.lower(), version, totp_secret, quota, blocked
        self.user = to_base64url(secrets.token_bytes(8))
        master_key = secrets.token_bytes(16)
        if version == 1:
            key = v1_key(password)
            self.salt, self.proof = None, v1_proof(self.email, key)
        else:
            self.salt = secrets.token_bytes(32)
            derived = hashlib.pbkdf2_hmac("sha512", password.encode(), self.salt, 100000, 32)
            key, self.proof = derived[:16], hashlib.sha256(derived[16:]).digest()[:16]
        self.key = to_base64url(aes_ecb(key, master_key))
        numbers = emulator.rsa.private_numbers()
        private = b"".join(mpi(n) for n in (numbers.p, numbers.q, numbers.d, pow(numbers.p, -1, numbers.q)))
        private += secrets.token_bytes(-len(private) % 16)
        self.private_key = to_base64url(aes_ecb(master_key, private))
        self.nodes, self.children, self.events, self.first_event = {}, {}, [], secrets.randbits(40)
        self.root, self.inbox, self.trash = (self.add(None, kind)["h"] for kind in (ROOT, INBOX, TRASH))
        self.tokens = {}  # of uploads that are complete
        self.changed = threading.Condition(emulator.lock)

    def add(self, parent, kind, **fields):
        handle = to_base64url(secrets.token_bytes(6))
        node = {"h": handle, "p": parent or "", "u": self.user, "t": kind, "a": "", "k": "", "ts": int(time.time()), **fields}
        self.nodes[handle] = node
        self.children.setdefault(handle, {})
        if parent:
            self.children[parent][handle] = None
        return node

    def visible(self, node):
        return {name: value for name, value in node.items() if name != "file"}

    def used(self):
        return sum(node.get("s", 0) for node in self.nodes.values())

    def tell(self, *events):
        self.events.extend(events)
        self.changed.notify_all()

    def sequence(self, count=None):
        return to_base64url(struct.pack(">Q", self.first_event + (len(self.events) if count is None else count)))

    def remove(self, handle, unlink):
        for child in list(self.children[handle]):
            self.remove(child, unlink)
        node = self.nodes.pop(handle)
        self.children.pop(handle)
        if node["p"]:
            self.children[node["p"]].pop(handle, None)
        if node["t"] == FILE and not any(other.get("file") == node["file"] for other in self.nodes.values()):
            unlink(node["file"])

    def subtree(self, handle):
        yield self.nodes[handle]
        for child in self.children[handle]:
            yield from self.subtree(child)


class Upload:
    def __init__(self, account, size, version, path):
        self.account, self.size, self.version, self.path = account, size, version, path
        self.end = time.monotonic() + ADDRESS_SECONDS
        self.ends = chunk_ends(size)
        self.begins = [0, *self.ends[:-1]]
        self.missing = set(self.begins)
        self.descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
