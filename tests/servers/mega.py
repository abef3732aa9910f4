"""An emulator of MEGA with one account of each kind, the clients that judge it and us (rclone and megajs), and a proxy whose connections can be refused."""
import json
import sys
import urllib.request
from pathlib import Path

from fault_proxy import FaultProxy
from process import Server, Servers, answers, free_port
from tools import tool

PASSWORD = "correct horse battery staple"
ACCOUNTS = [
    {"email": "v2@example.com", "version": 2},
    {"email": "v1@example.com", "version": 1},
    {"email": "totp@example.com", "version": 2, "totp_secret": "JBSWY3DPEHPK3PXP"},
]


def control(url, **what):
    request = urllib.request.Request(url + "/_control", json.dumps(what).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


class Planned:
    """What goes wrong in the emulator (faults.py)."""

    def __init__(self, url):
        self.url = url

    def plan(self, faults):
        control(self.url, do="plan", faults=faults)

    def met(self):
        return control(self.url, do="met")["met"]


def start(folder):
    port = free_port()
    contents = Path(folder) / "contents"
    contents.mkdir()
    url = f"http://127.0.0.1:{port}"
    server = Server("MEGA's emulator", [sys.executable, Path(__file__).parent / "mega_emulator.py", port, contents], Path(folder) / "mega.log",
                    {"MODELFLOAT_TEST_MEGA": url, "MODELFLOAT_TEST_RCLONE": str(tool("rclone")), "MODELFLOAT_TEST_NODE": str(tool("node")),
                     "MODELFLOAT_TEST_MEGAJS": str(tool("npm", "megajs") / "node_modules"), "MODELFLOAT_TEST_SERVERS": str(Path(__file__).parent)},
                    lambda: answers(port))
    try:
        for account in ACCOUNTS:
            control(url, do="account", password=PASSWORD, **account)
        return Servers(server, FaultProxy("mega", port))
    except BaseException:
        server.stop()
        raise
