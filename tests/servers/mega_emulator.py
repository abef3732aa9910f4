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
import json
import socketserver
import struct
import sys
import threading
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from mega_accounts import FILE, Account, MegaError
from mega_arithmetic import from_base64url
from mega_commands import Commands
from mega_http import Handler

KEEP_ANSWERS = 512


class Emulator(Commands):
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
