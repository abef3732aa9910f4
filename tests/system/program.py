"""The built program as the system tests use it: a home, its stores, its commands, its server."""
import contextlib
import http.client
import itertools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("MODELFLOAT_TEST_PROGRAM", ROOT / "build/release/bin/modelfloat"))
COMMAND_SECONDS = 180  # a command that takes longer hangs


class Exit:
    """The exit codes that scripts rely on."""

    OK, ERROR, USAGE, NOT_FOUND, DEGRADED, LOST, UNREACHABLE, DENIED = range(8)


class Done:
    """A command that has ended."""

    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err.decode(errors="replace")

    @property
    def text(self):
        return self.out.decode()

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"{' '.join(map(str, self.command[1:]))} -> {self.code}\n{self.out[-1500:].decode(errors='replace')}\n{self.err[-3000:]}"


class Home:
    """One machine: MODELFLOAT_HOME, a temporary folder and a working folder of its own."""

    def __init__(self, base, name="home"):
        self.base = base / name
        self.folder = self.base / "state"
        self.work = self.base / "work"
        self.temporary = self.base / "tmp"
        for folder in (self.work, self.temporary):
            folder.mkdir(parents=True)
        self.code_file = self.base / "recovery-code"
        self.environment = dict(os.environ, MODELFLOAT_HOME=str(self.folder), TMPDIR=str(self.temporary), HOME=str(self.base))
        self.environment.pop("CI", None)
        if "MODELFLOAT_TEST_LLAMA_SERVER" in os.environ:
            self.environment["MODELFLOAT_LLAMA_SERVER"] = os.environ["MODELFLOAT_TEST_LLAMA_SERVER"]

    def start(self, *arguments, **options):
        """Starts a command. In a process group of its own, so that `kill` reaches all of it."""
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen([str(PROGRAM), *map(str, arguments)], env=self.environment, cwd=self.work, start_new_session=True,
                                **options)

    def run(self, *arguments, code=None, seconds=COMMAND_SECONDS, text=None):
        """Runs a command to its end. `code`: what it has to exit with; `text`: its standard input."""
        child = self.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           **({} if text is None else {"stdin": subprocess.PIPE}))
        try:
            out, err = child.communicate(None if text is None else text.encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGABRT)
            out, err = child.communicate()
            done = Done(child.args, child.returncode, out, err)
            raise AssertionError(f"no end after {seconds} s: {done}") from None
        done = Done(child.args, child.returncode, out, err)
        assert code is None or done.code == code, f"wanted exit code {code}: {done}"
        return done

    def ok(self, *arguments, **options):
        return self.run(*arguments, code=Exit.OK, **options)

    def json(self, *arguments, code=Exit.OK, **options):
        return self.run("--json", *arguments, code=code, **options).json

    def peak_kib(self, *arguments, seconds=COMMAND_SECONDS):
        """Runs a command that must succeed; (what it says in JSON, the most memory it had in KiB)."""
        report = self.base / "peak"
        done = subprocess.run([sys.executable, "-S", str(Path(__file__).with_name("peak_memory.py")), str(report), str(PROGRAM), "--json",
                               *map(str, arguments)],
                              env=self.environment, cwd=self.work, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds)
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
        return json.loads(done.stdout), int(report.read_text())

    def models(self):
        return {model["name"]: model for model in self.json("ls")["models"]}


class Site(Home):
    """A home with a pool and local stores."""

    def __init__(self, base, redundancy="4+2", stores=6, name="home", secret=()):
        super().__init__(base, name)
        made = self.json("init", "--redundancy", redundancy, *secret)
        self.pool_id = made["pool_id"]
        self.code_file.write_text(made["recovery_code"] + "\n")
        self.shelf = base / "stores"
        self.stores = [self.shelf / f"s{index}" for index in range(stores)]
        for store in self.stores:
            self.ok("store", "add", store.name, f"local:{store}")

    def push(self, path, name, *more):
        return self.json("push", path, "--name", name, *more)

    def pull(self, name, code=Exit.OK, target=None, **options):
        """Pulls and returns (the finished command, {path: SHA-256} or None). Nothing else may be left where it was written."""
        folder = Path(target or self.base / "pulled")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        done = self.run("pull", name, "-o", folder / "it", code=code, **options)
        left = sorted(path.name for path in folder.iterdir())
        assert left == (["it"] if done.code == 0 else []), f"{left} {done}"
        files = hashes(folder / "it") if done.code == 0 else None
        shutil.rmtree(folder)
        return done, files

    @contextlib.contextmanager
    def gone(self, *stores):
        """As long as it lasts, the folders of these stores are elsewhere."""
        moved = [(store, store.with_name(store.name + ".away")) for store in stores]
        for store, away in moved:
            store.rename(away)
        try:
            yield
        finally:
            for store, away in moved:
                assert not store.exists(), f"something was written to {store}, which was gone"
                away.rename(store)

    def subsets(self, size):
        return itertools.combinations(self.stores, size)

    def objects(self, kind="shard", stores=None):
        return [path for store in stores or self.stores for path in sorted((store / "mf1" / kind).rglob("*")) if path.is_file()]

    def recover(self, base, name, stores=None, secret=None, code=Exit.OK):
        """(another home, the finished `recover` on it)."""
        home = Home(base, name)
        home.code_file = self.code_file
        places = [part for store in stores or self.stores for part in ("--store", f"local:{store}")]
        return home, home.run("--json", "recover", *(secret or ("--recovery-code-file", self.code_file)), *places, code=code)


@contextlib.contextmanager
def program_for_everybody():
    """A copy of the program that other users may run, too."""
    with tempfile.TemporaryDirectory(prefix="modelfloat-test-") as folder:
        os.chmod(folder, 0o755)
        yield shutil.copy(PROGRAM, folder)


def become(user):
    """What a child does to lose root's rights."""

    def change():
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)

    return change


def hashes(path):
    """{relative path: SHA-256 in hex}; the path of a plain file is ''."""
    import hashlib

    def of(file):
        with open(file, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    if path.is_file():
        return {"": of(path)}
    return {str(file.relative_to(path)): of(file) for file in sorted(path.rglob("*")) if file.is_file()}


def same(one, other):
    """Whether two contents are equal, without the difference shown: pytest would take minutes to find it in megabytes."""
    return one == other


def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))


def descendants(pid):
    found = [pid]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int(re.search(r"\) \S (\d+)", (entry / "stat").read_text()).group(1))
            except (OSError, AttributeError):
                continue
            if parent == pid:
                found += descendants(int(entry.name))
    return found


def wait_until(condition, what, seconds=60):
    """Waits for something that is sure to come; returns what the condition gave."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"after {seconds} s still not: {what}"
        time.sleep(0.002)
    return value


class Server:
    """`modelfloat serve` on a free port."""

    def __init__(self, home, *arguments, descriptors=None):
        """`descriptors`: how many the process may have open."""
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

        self.home = home
        self.log = open(home.base / "serve.log", "w+b")
        self.process = home.start("serve", *(arguments or ("--listen", "127.0.0.1:0")), stdout=subprocess.PIPE, stderr=self.log,
                                  preexec_fn=limit if descriptors else None)
        first = self.process.stdout.readline().decode()
        assert first.startswith("listening on http://"), first + self.errors()
        self.url = first.removeprefix("listening on ").strip()
        self.port = int(self.url.rsplit(":", 1)[1])
        self.tokens = {}

    def errors(self):
        self.log.flush()
        return Path(self.log.name).read_text(errors="replace")

    def token(self, scope="admin"):
        if scope not in self.tokens:
            self.tokens[scope] = self.home.json("token", "create", "--scope", scope)["token"]
        return self.tokens[scope]

    def headers(self, scope="admin"):
        return {} if scope is None else {"Authorization": f"Bearer {self.token(scope)}"}

    def connect(self, seconds=COMMAND_SECONDS):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)

    def ask(self, method, path, body=None, scope="admin", headers=None, status=None):
        """(status, body as JSON where it is, else bytes)."""
        connection = self.connect()
        sent = dict(self.headers(scope), **(headers or {}))
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        data = answer.read()
        if "json" in (answer.getheader("Content-Type") or ""):
            data = json.loads(data)
        connection.close()
        assert status is None or answer.status == status, f"{method} {path}: {answer.status} {data!r}\n{self.errors()}"
        return answer.status, data

    def get(self, path, scope="admin", status=200):
        return self.ask("GET", path, scope=scope, status=status)[1]

    def peak_kib(self):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
        raise AssertionError("no VmHWM")

    def stop(self):
        """Asks it to end, as a service manager does; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise AssertionError("the server did not end on SIGTERM:\n" + self.errors()) from None
        finally:
            self.process.stdout.close()
            self.log.close()
        return code


def form(fields, files, boundary="a-boundary-of-the-tests"):
    """(the start of a multipart body up to the content of the single or last file, its end, its type)."""
    parts = b""
    for name, value in fields:
        parts += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode(errors="surrogateescape")
    for path, content in files:
        parts += (f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{path}"\r\n'
                  "Content-Type: application/octet-stream\r\n\r\n").encode()
        if content is not None:
            parts += content + b"\r\n"
    end = f"--{boundary}--\r\n".encode()
    if files and files[-1][1] is None:
        end = b"\r\n" + end
    return parts, end, f"multipart/form-data; boundary={boundary}"
