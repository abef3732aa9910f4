"""Adding stores as a person does: at a terminal that asks, with a code for another device, with a browser."""
import contextlib
import json
import os
import pty
import re
import select
import sys
import time
import urllib.error
import urllib.request

import pytest

from program import PROGRAM, ROOT, Exit, Site, hashes
from samples import MIB, random_file

sys.path.insert(0, str(ROOT / "tests/servers"))
import mega as mega_server  # noqa: E402
from run import servers  # noqa: E402

SECONDS = 60  # what a login waits for comes at once


class Terminal:
    """A command that runs on a terminal of its own."""

    def __init__(self, home, *arguments):
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            with contextlib.suppress(OSError):
                os.chdir(home.work)
                os.execve(PROGRAM, [str(PROGRAM), *map(str, arguments)], home.environment)
            os._exit(127)
        self.shown = ""

    def wait_for(self, pattern):
        """Reads until the terminal shows this; the match."""
        end = time.monotonic() + SECONDS
        while not (found := re.search(pattern, self.shown)):
            assert self._read(end), f"the command ended without {pattern!r}: {self.shown}"
        return found

    def type(self, line):
        os.write(self.terminal, line.encode() + b"\n")

    def end(self):
        """The exit code."""
        end = time.monotonic() + SECONDS
        while self._read(end):
            pass
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])

    def _read(self, end):
        """Whether there was more."""
        assert select.select([self.terminal], [], [], max(0, end - time.monotonic()))[0], f"nothing happens any more: {self.shown}"
        try:
            data = os.read(self.terminal, 4096)
        except OSError:  # so a terminal says that nobody writes to it any more
            data = b""
        self.shown += data.decode(errors="replace")
        return bool(data)


@pytest.fixture(scope="module")
def mega():
    with servers(["mega"]) as environment:
        yield environment["MODELFLOAT_TEST_MEGA"]


class Google:
    def __init__(self, root):
        self.root = root

    def control(self, what, **asked):
        request = urllib.request.Request(f"{self.root}/_control/{what}", json.dumps(asked).encode(), method="POST")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def client(self, folder, kind):
        """The credentials file of a client of this kind that nobody has logged in with."""
        account = self.control("account", kind=kind, limit=1 << 30)
        file = folder / "client.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps({name: account[name] for name in ("client_id", "client_secret")}))
        return file

    def options(self, file):
        return ["drive:models", "--api-url", self.root, "--token-url", self.root + "/token", "--credentials-file", file]


@pytest.fixture(scope="module")
def google():
    with servers(["drive"]) as environment:
        yield Google(environment["MODELFLOAT_TEST_DRIVE"])


@pytest.fixture
def home(base):
    return Site(base, "1+0", stores=0)


def keeps_a_model(home):
    file = random_file(home.base / "a.bin", 2 * MIB, 1)
    home.push(file, "lab/a")
    assert home.pull("lab/a")[1] == hashes(file)


def answer_mega(terminal, password):
    terminal.wait_for(r"\(email\): ")
    terminal.type(mega_server.ACCOUNTS[0]["email"])
    terminal.wait_for("MEGA password: ")
    terminal.type(password)


def test_mega_asks_for_what_it_needs_and_does_not_show_the_password(home, mega):
    terminal = Terminal(home, "store", "add", "m", "mega:/modelfloat", "--api-url", mega)
    answer_mega(terminal, mega_server.PASSWORD)
    assert terminal.end() == Exit.OK, terminal.shown
    assert mega_server.PASSWORD not in terminal.shown
    keeps_a_model(home)


def test_mega_with_a_wrong_password_is_denied_and_leaves_no_store(home, mega):
    terminal = Terminal(home, "store", "add", "m", "mega:/modelfloat", "--api-url", mega)
    answer_mega(terminal, "wrong horse")
    assert terminal.end() == Exit.DENIED, terminal.shown
    assert "wrong horse" not in terminal.shown
    assert home.json("store", "ls")["stores"] == []


@pytest.mark.parametrize("decision", ["approved", "denied", "expired"])
def test_drive_by_a_code_on_another_device(home, google, decision):
    terminal = Terminal(home, "store", "add", "d", *google.options(google.client(home.base, "tv")))
    code = terminal.wait_for(r"type in the code ([A-Z]{4}-[A-Z]{4})").group(1)
    assert f"open {google.root}/device" in terminal.shown
    google.control("device", user_code=code, state=decision)
    assert terminal.end() == (Exit.OK if decision == "approved" else Exit.DENIED), terminal.shown
    if decision == "approved":
        keeps_a_model(home)
    else:
        assert home.json("store", "ls")["stores"] == []


def test_drive_by_a_browser(home, google):
    terminal = Terminal(home, "store", "add", "d", *google.options(google.client(home.base, "desktop")))
    address = terminal.wait_for(r"(http://\S+/auth\?\S+)\s").group(1)
    with urllib.request.urlopen(address) as page:  # the page agrees and sends the browser back to the program
        assert page.status == 200
    assert terminal.end() == Exit.OK, terminal.shown
    keeps_a_model(home)


def test_a_login_can_be_given_up(home, google):
    terminal = Terminal(home, "store", "add", "d", *google.options(google.client(home.base, "tv")))
    terminal.wait_for("type in the code")
    os.write(terminal.terminal, b"\x03")  # Ctrl-C
    assert terminal.end() != Exit.OK
    assert home.json("store", "ls")["stores"] == []


def test_without_a_terminal_nobody_is_asked(home, mega):
    done = home.run("store", "add", "m", "mega:/modelfloat", "--api-url", mega)
    assert done.code not in (Exit.OK, -1) and "email" in done.err, done
