"""The commands of MEGA's API as the Emulator of tests/servers/mega_emulator.py obeys them, each with what it refuses."""
import hashlib
import secrets
import time

from mega_accounts import ADDRESS_SECONDS, FILE, FOLDER, MegaError, Upload
from mega_arithmetic import from_base64url, mpi, to_base64url, totp


class Commands:
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
