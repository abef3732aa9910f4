"""The emulator of Google Drive for tests, and the clients that judge it and our store: rclone through a mapping proxy, google-api-python-client, and another
server that gives tokens.

What the tests are told: MODELFLOAT_TEST_DRIVE (the emulator's root; tokens at /token), _CREDENTIALS (a credentials file), _RCLONE and _GOOGLE (programs; the
last argument of each is rclone's command or google_client.py's), _OAUTH2 (the token address of oauth2-mock-server), _PROXY and _CONTROL (fault_proxy.py,
before the emulator).
"""
import json
import os
import shlex
import sys
import urllib.request
from pathlib import Path

from fault_proxy import FaultProxy
from mapping_proxy import MappingProxy
from process import Server, answers, free_port
from tools import node_environment, tool

HERE = Path(__file__).parent
HOSTS = ("www.googleapis.com", "oauth2.googleapis.com", "accounts.google.com")
FULL_SCOPE = "https://www.googleapis.com/auth/drive"
OAUTH2 = """const {OAuth2Server} = require("oauth2-mock-server");
(async () => {
  const server = new OAuth2Server();
  await server.issuer.keys.generate("RS256");
  await server.start(Number(process.argv[1]), "127.0.0.1");
})();
"""


def control(root, what, value):
    request = urllib.request.Request(root + "/_control/" + what, json.dumps(value).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


class Planned:
    """What goes wrong in the emulator (faults.py)."""

    def __init__(self, root):
        self.root = root

    def plan(self, faults):
        control(self.root, "clear", {})
        control(self.root, "faults", faults)

    def met(self):
        return control(self.root, "seen", {})["met"]


def script(path, environment, command):
    lines = ["#!/bin/sh"] + [f"export {name}={shlex.quote(str(value))}" for name, value in environment.items()]
    path.write_text("\n".join(lines) + "\nexec " + " ".join(shlex.quote(str(part)) for part in command) + ' "$@"\n')
    path.chmod(0o700)
    return path


def rclone(folder, proxy, account):
    """rclone as it is, with the remote `drive:`; `drive-file:` sees only what its client made, as our store does."""
    token = json.dumps({"access_token": "none", "token_type": "Bearer", "refresh_token": account["refresh_token"], "expiry": "2020-01-01T00:00:00Z"})
    config = folder / "rclone.conf"
    config.write_text("[drive]\ntype = drive\nscope = drive.file\n" + f"client_id = {account['client_id']}\nclient_secret = {account['client_secret']}\ntoken = {token}\n")
    environment = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}", "NO_PROXY": "", "RCLONE_CONFIG": config, "RCLONE_CA_CERT": proxy.ca, "RCLONE_DRIVE_PACER_MIN_SLEEP": "1ms"}
    return script(folder / "rclone", environment, [tool("rclone"), "--contimeout=5s", "--retries=1"])


class Drive:
    def __init__(self, folder):
        self.running = []
        port, oauth2_port = free_port(), free_port()
        root = f"http://127.0.0.1:{port}"
        try:
            self.running.append(Server("drive", [sys.executable, HERE / "drive_emulator.py", port, folder / "files"], folder / "log", {}, lambda: answers(port)))
            account = control(root, "account", {"limit": 15 << 30})
            credentials = {name: account[name] for name in ("client_id", "client_secret", "refresh_token")}
            (folder / "credentials.json").write_text(json.dumps(credentials))
            self.proxy = MappingProxy(folder, HOSTS, port)
            google = script(folder / "google", {}, [tool("python", "google") / "bin/python", HERE / "google_client.py", root, folder / "credentials.json"])
            environment = node_environment("oauth2-mock-server")
            self.running.append(FaultProxy("drive", port))
            faulty = self.running[-1].environment
            self.running.append(Server("oauth2", [tool("node"), "-e", OAUTH2, oauth2_port], folder / "oauth2.log", {}, lambda: answers(oauth2_port), env=environment))
        except Exception:
            self.stop()
            raise
        self.environment = {"MODELFLOAT_TEST_DRIVE": root, "MODELFLOAT_TEST_DRIVE_CREDENTIALS": str(folder / "credentials.json"),
                            "MODELFLOAT_TEST_DRIVE_RCLONE": str(rclone(folder, self.proxy, account)), "MODELFLOAT_TEST_DRIVE_GOOGLE": str(google),
                            "MODELFLOAT_TEST_DRIVE_OAUTH2": f"http://127.0.0.1:{oauth2_port}/token", **faulty}

    def stop(self):
        for server in reversed(self.running):
            server.stop()
        if hasattr(self, "proxy"):
            self.proxy.close()


def start(folder):
    return Drive(folder)
