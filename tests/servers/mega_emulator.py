"""MEGA's API and storage servers, as far as clients of a private account see them; docs/stores/mega.md says what is imitated.

mega_emulator.py PORT FOLDER: serves on 127.0.0.1:PORT, keeps contents as files in FOLDER, and forgets everything at the end. It refuses what MEGA refuses: wrong proofs,
missing or foreign sessions, reused numbers of calls, pieces that do not begin and end where a chunk does, expired addresses, more than the account has room for.

POST /_control takes {"do": ..., ...} and is no part of MEGA:
    account {email, password, version 1|2, totp_secret?, quota?, blocked?}   makes an account
    plan {faults: [{call, skip?, times?, ...}]}                              what goes wrong with the next calls, by the name of a command ("us", "p", ...), "sc", "ul" or "dl"
    set {email, quota?, blocked?, keep_sessions?: false}                     changes an account
    damage {email}                                                           flips one bit in each of an account's files
    counts                                                                   how often each call came since the last plan
    met                                                                      {"met": how many of them met a fault}
A fault is one of: code (the number answered), status (of HTTP, with headers?), hashcash (an easiness), reset (closes the connection at once), cut (after so many bytes of the body),
stall (seconds), slow (the answer at so many bytes a second), dead (the address that it hands out is nobody's), short (so many bytes too few, well announced), flip (a bit of the body), unanswered (does it and closes the connection), pretend (says that it is done and does not do it),
expire (the session ends before), hide (events are kept back), twice (nodes are made twice), replaced (another client has put the same at this moment).
"""
import base64
import hashlib
import hmac
import json
import os
import secrets
import socket
import socketserver
import struct
import sys
import threading
import time
import urllib.parse
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

CHUNK_STEP = 131072
LONGEST_CHUNK = 1048576
ADDRESS_SECONDS = 3600
ROOT, INBOX, TRASH, FOLDER, FILE = 2, 3, 4, 1, 0
KEEP_ANSWERS = 512


def to_base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def aes_ecb(key, data):
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(data)


def v1_key(password):
    """AES in a loop; every four characters of the password are a word, as JavaScript packs them."""
    units = struct.unpack("<%dH" % (len(password.encode("utf-16-le")) // 2), password.encode("utf-16-le"))
    words = [0] * ((len(units) + 3) // 4)
    for i, unit in enumerate(units):
        words[i // 4] |= unit << (24 - 8 * (i % 4)) & 0xFFFFFFFF
    data = b"".join(struct.pack(">I", word) for word in words)
    parts = [Cipher(algorithms.AES(data[i:i + 16].ljust(16, b"\0")), modes.ECB()).encryptor() for i in range(0, len(data), 16)]
    key = bytes.fromhex("93C467E37DB0C7A4D1BE3F810152CB56")
    for _ in range(65536):
        for part in parts:
            key = part.update(key)
    return key


def v1_proof(email, key):
    data = email.encode().ljust((len(email.encode()) + 3) // 4 * 4, b"\0")
    block = bytearray(16)
    for i, byte in enumerate(data):
        block[i % 16] ^= byte
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    block = bytes(block)
    for _ in range(16384):
        block = encryptor.update(block)
    return block[0:4] + block[8:12]


def totp(secret, step):
    key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    mac = hmac.new(key, struct.pack(">Q", step), "sha1").digest()
    at = mac[-1] & 15
    return "%06d" % ((struct.unpack(">I", mac[at:at + 4])[0] & 0x7FFFFFFF) % 1000000)


def mpi(number):
    return struct.pack(">H", number.bit_length()) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def chunk_ends(size):
    ends, end, length = [], 0, CHUNK_STEP
    while end < size:
        end = min(size, end + length)
        ends.append(end)
        length = min(LONGEST_CHUNK, length + CHUNK_STEP)
    return ends


class MegaError(Exception):
    def __init__(self, code, whole=False):
        self.code, self.whole = code, whole  # whole: the answer is the number alone, not a list


class Hangup(Exception):
    pass


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


class Emulator:
    def __init__(self, port, folder):
        self.port, self.folder = port, Path(folder)
        self.lock = threading.RLock()
        self.rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.accounts, self.sessions, self.uploads, self.downloads = {}, {}, {}, {}
        self.answers = {}  # by session or address of the client: of the last calls by their number
        self.faults, self.counts, self.met, self.challenges = [], {}, 0, set()

    # --- what goes wrong ---

    def fault(self, call):
        with self.lock:
            self.counts[call] = self.counts.get(call, 0) + 1
            for fault in self.faults:
                if fault["call"] != call:
                    continue
                if fault.get("skip", 0) > 0:
                    fault["skip"] -= 1
                    continue
                if fault.get("times", 1) <= 0:
                    continue
                fault["times"] = fault.get("times", 1) - 1
                self.met += 1
                return fault
        return {}

    def control(self, request):
        action = request.pop("do")
        with self.lock:
            if action == "account":
                account = Account(self, **request)
                self.accounts[account.email] = account
                return {}
            if action == "plan":
                self.faults, self.counts, self.met = request["faults"], {}, 0
                return {}
            if action == "counts":
                return self.counts
            if action == "met":
                return {"met": self.met}
            account = self.accounts[request.pop("email")]
            if action == "damage":
                for node in account.nodes.values():
                    if node["t"] == FILE and node["s"] > 0:
                        with open(node["file"], "r+b") as file:
                            first = file.read(1)
                            file.seek(0)
                            file.write(bytes([first[0] ^ 1]))
                return {}
            if action == "set":
                if request.pop("keep_sessions", True) is False:
                    self.end_sessions(account)
                vars(account).update(request)
                return {}
        raise ValueError(action)

    def end_sessions(self, account):
        self.sessions = {sid: owner for sid, owner in self.sessions.items() if owner is not account}

    # --- /cs ---

    def account_of(self, query):
        account = self.sessions.get(query.get("sid"))
        if account is None:
            raise MegaError(-15, whole=True)
        if account.blocked:
            raise MegaError(-16, whole=True)
        return account

    def commands(self, query, body, fault):
        """The text of the answer. The same number means the same call, which is answered again and not done again."""
        try:
            number = int(query["id"])
            parsed = json.loads(body)
            assert isinstance(parsed, list) and parsed and all(isinstance(command, dict) for command in parsed)
        except (KeyError, ValueError, AssertionError):
            return "-2"
        with self.lock:
            known = self.answers.setdefault(query.get("sid", query["client"]), {})
            if number in known:
                return known[number][1] if known[number][0] == body else "-2"
            answers = []
            try:
                for command in parsed:
                    try:
                        answers.append(self.command(query, command, fault))
                    except MegaError as error:
                        if error.whole:
                            raise
                        answers.append(error.code)
            except MegaError as error:
                return str(error.code)
            answer = json.dumps(answers)
            known[number] = (body, answer)
            while len(known) > KEEP_ANSWERS:
                known.pop(next(iter(known)))
            return answer

    def command(self, query, command, fault):
        name = command.get("a")
        if name == "us0":
            return self.prelogin(command)
        if name == "us":
            return self.login(command)
        account = self.account_of(query)
        method = getattr(self, "command_" + str(name), None)
        if method is None:
            raise MegaError(-2)
        return method(account, command, fault)

    def prelogin(self, command):
        account = self.accounts.get(command.get("user"))
        if account is None:
            return {"v": 2, "s": to_base64url(hashlib.sha256(str(command.get("user")).encode()).digest())}
        return {"v": 1} if account.version == 1 else {"v": 2, "s": to_base64url(account.salt)}

    def login(self, command):
        account = self.accounts.get(command.get("user"))
        try:
            proof = from_base64url(command["uh"])
        except (KeyError, ValueError):
            raise MegaError(-2)
        if account is None or (hashlib.sha256(proof).digest()[:16] if account.version == 2 else proof) != account.proof:
            raise MegaError(-9)
        if account.totp_secret:
            if "mfa" not in command:
                raise MegaError(-26)
            step = int(time.time()) // 30
            if command["mfa"] not in [totp(account.totp_secret, step + k) for k in (-1, 0, 1)]:
                raise MegaError(-5)
        if account.blocked:
            raise MegaError(-16)
        plain = bytes([secrets.randbelow(255) + 1]) + secrets.token_bytes(15) + account.user.encode() + secrets.token_bytes(16)
        numbers = self.rsa.public_key().public_numbers()
        padded = b"\0" + plain + secrets.token_bytes(255 - len(plain))
        challenge = pow(int.from_bytes(padded, "big"), numbers.e, numbers.n)
        self.sessions[to_base64url(plain)] = account
        return {"u": account.user, "k": account.key, "privk": account.private_key, "csid": to_base64url(mpi(challenge)), "ach": 1}

    def command_ug(self, account, command, fault):
        return {"u": account.user, "email": account.email, "name": "Test", "k": account.key, "privk": account.private_key, "c": 1, "s": 1, "ts": "0"}

    def command_uq(self, account, command, fault):
        return {"mstrg": account.quota, "cstrg": account.used(), "cstrgn": {}, "utype": 0, "mxfer": 0, "caxfer": 0, "csxfer": 0, "srvratio": 0}

    def command_sml(self, account, command, fault):
        self.end_sessions(account)
        return 0

    def command_f(self, account, command, fault):
        nodes = [account.visible(node) for root in (account.root, account.inbox, account.trash) for node in account.subtree(root)]
        return {"f": nodes, "ok": [], "s": [], "u": [{"u": account.user, "c": 2, "m": account.email}], "sn": account.sequence(), "noc": 1}

    def command_u(self, account, command, fault):
        size = command.get("s")
        if not isinstance(size, int) or size < 0:
            raise MegaError(-2)
        if account.used() + size > account.quota:
            raise MegaError(-17)
        token = to_base64url(secrets.token_bytes(16))
        self.uploads[token] = Upload(account, size, command.get("v", 1), self.folder / token)
        return {"p": f"http://127.0.0.1:{self.port_for(fault)}/ul/{token}"}

    def port_for(self, fault):
        return 1 if fault.get("dead") else self.port

    def command_p(self, account, command, fault):
        target = account.nodes.get(command.get("t"))
        if target is None or target["t"] == FILE:
            raise MegaError(-9)
        items = command.get("n")
        if not isinstance(items, list) or not items:
            raise MegaError(-2)
        checked = [self.check_new(account, item) for item in items]
        if account.used() + sum(fields.get("s", 0) for _, fields in checked) > account.quota:
            raise MegaError(-17)
        if fault.get("pretend"):
            return {"f": [{"h": to_base64url(secrets.token_bytes(6)), "p": target["h"], "u": account.user, "t": kind, "ts": int(time.time()),
                           **account.visible(fields)} for kind, fields in checked]}
        made = []
        for _ in range(2 if fault.get("twice") else 1):
            made += [account.add(target["h"], kind, **fields) for kind, fields in checked]
        for item in items:
            account.tokens.pop(item["h"], None)
        nodes = [account.visible(node) for node in made]
        event = {"a": "t", "t": {"f": nodes}, "ou": account.user}
        if "i" in command:
            event["i"] = command["i"]
        account.tell(event)
        return {"f": nodes}

    def check_new(self, account, item):
        try:
            kind = item["t"]
            key, attributes = from_base64url(item["k"]), from_base64url(item["a"])
        except (KeyError, ValueError, TypeError):
            raise MegaError(-2)
        if kind not in (FILE, FOLDER) or len(key) != (32 if kind == FILE else 16) or not attributes or len(attributes) % 16:
            raise MegaError(-2)
        fields = {"a": item["a"], "k": account.user + ":" + item["k"]}
        if kind == FOLDER:
            if item.get("h") != "xxxxxxxx":
                raise MegaError(-2)
            return kind, fields
        if item.get("h") not in account.tokens:
            raise MegaError(-9)
        path, size = account.tokens[item["h"]]
        return kind, {**fields, "s": size, "file": path}

    def command_d(self, account, command, fault):
        node = account.nodes.get(command.get("n"))
        if node is None:
            raise MegaError(-9)
        if node["t"] > FOLDER:
            raise MegaError(-11)
        if fault.get("pretend"):
            return 0
        account.remove(node["h"], lambda path: path.unlink(missing_ok=True))
        account.tell({"a": "d", "n": node["h"]})
        return 0

    def command_m(self, account, command, fault):
        node, target = account.nodes.get(command.get("n")), account.nodes.get(command.get("t"))
        if node is None or target is None:
            raise MegaError(-9)
        if target["t"] == FILE or node["t"] > FOLDER:
            raise MegaError(-11)
        if any(below is target for below in account.subtree(node["h"])):
            raise MegaError(-10)
        account.children[node["p"]].pop(node["h"])
        account.children[target["h"]][node["h"]] = None
        node["p"] = target["h"]
        moved = [account.visible(below) for below in account.subtree(node["h"])]
        account.tell({"a": "d", "n": node["h"], "m": 1}, {"a": "t", "t": {"f": moved}})
        return 0

    def command_a(self, account, command, fault):
        node = account.nodes.get(command.get("n"))
        attributes = command.get("attr") or command.get("at")
        if node is None:
            raise MegaError(-9)
        if not attributes or len(from_base64url(attributes)) % 16:
            raise MegaError(-2)
        node["a"] = attributes
        account.tell({"a": "u", "n": node["h"], "u": account.user, "at": attributes, "ts": node["ts"]})
        return 0

    def command_g(self, account, command, fault):
        node = account.nodes.get(command.get("n"))
        if node is None or node["t"] != FILE:
            raise MegaError(-9)
        if fault.get("replaced"):
            again = account.add(node["p"], FILE, **{name: node[name] for name in ("a", "k", "s", "file")})
            account.remove(node["h"], lambda path: None)
            account.tell({"a": "t", "t": {"f": [account.visible(again)]}, "ou": account.user}, {"a": "d", "n": node["h"]})
            raise MegaError(-9)
        answer = {"s": node["s"], "at": node["a"], "msd": 1}
        if command.get("g"):
            token = to_base64url(secrets.token_bytes(16))
            self.downloads[token] = (node["file"], node["s"], time.monotonic() + ADDRESS_SECONDS)
            answer["g"] = f"http://127.0.0.1:{self.port_for(fault)}/dl/{token}"
        return answer

    # --- events ---

    def events(self, query, fault):
        with self.lock:
            try:
                account = self.account_of(query)
            except MegaError as error:
                return str(error.code)
            try:
                seen = struct.unpack(">Q", from_base64url(query["sn"]))[0] - account.first_event
            except (KeyError, ValueError, struct.error):
                return "-2"
            if not 0 <= seen <= len(account.events):
                return "-2"
            if seen == len(account.events) or fault.get("hide"):
                return json.dumps({"w": f"http://127.0.0.1:{self.port}/wsc?sn={query['sn']}&sid={query['sid']}"})
            return json.dumps({"a": account.events[seen:], "sn": account.sequence()})

    def wait_for_events(self, query):
        with self.lock:
            account = self.sessions.get(query.get("sid"))
            if account is not None and query.get("sn") == account.sequence():
                account.changed.wait(20)
        return "0"


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


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


def main():
    port, folder = int(sys.argv[1]), sys.argv[2]
    with Server(("127.0.0.1", port), Handler) as server:
        server.emulator = Emulator(port, folder)
        server.serve_forever()


if __name__ == "__main__":
    main()
