import contextlib
import io
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from writer import Pool, Writer, recovery_code_text

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import rescue  # noqa: E402

CODE = bytes(range(32))
NAME = "lab/net"


class Site:
    """A pool over six stores, opened by a recovery code, and the reader run on it."""

    def __init__(self, base, suite=1):
        self.base = base
        self.stores = [base / ("store%d" % i) for i in range(6)]
        self.random = random.Random(7)
        self.pool = Pool(self.stores, self.random, suite)
        self.pool.slot(1, CODE)
        self.code = base / "code"
        self.code.write_text(recovery_code_text(CODE) + "\n")

    def run(self, *arguments, stores=None, secret=None):
        """Runs the reader's main; gives .returncode, .stdout and .stderr as a program would."""
        command = ["--store=%s" % store for store in (self.stores if stores is None else stores)]
        command += [str(a) for a in (secret or ("--recovery-code-file", self.code)) + arguments]
        out, err = io.StringIO(), io.StringIO()
        rescue.note.cache_clear()
        before = signal.getsignal(signal.SIGTERM)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = rescue.main(command)
        except SystemExit as end:
            code = end.code
        finally:
            signal.signal(signal.SIGTERM, before)
        return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())

    def restore(self, name, stores=None, secret=None, target="out"):
        """(the finished process, {path: bytes} or None when nothing came out); also holds that nothing else was left behind."""
        target = self.base / target
        before = set(self.base.iterdir())
        done = self.run("restore", name, "-o", target, stores=stores, secret=secret)
        left = set(self.base.iterdir()) - before
        assert left == ({target} if done.returncode == 0 else set()), done.stderr
        if done.returncode:
            return done, None
        files = {str(p.relative_to(target)): p.read_bytes() for p in target.rglob("*") if p.is_file()}
        target.rename(self.base / ("done%d" % len(list(self.base.glob("done*")))))
        return done, files

    def opened(self):
        """The pool as the reader sees it."""
        stores = rescue.Stores([str(store) for store in self.stores])
        return rescue.Pool(stores, rescue.open_pool(stores, 1, CODE))

    def condemned(self):
        return sorted(self.opened().condemned, key=str)

    def objects(self, kind):
        return [path for store in self.stores for path in sorted((store / "mf1" / kind).rglob("*")) if path.is_file()]


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch):
    monkeypatch.setattr(rescue.os, "fsync", lambda _: None)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@pytest.fixture
def make_site(tmp_path):
    return lambda **options: Site(tmp_path, **options)


@pytest.fixture
def files():
    source = random.Random(1)
    return {
        "config.json": b'{"layers": 3}' * 900,
        "empty": b"",
        "one": b"1",
        "deep/er/model.bin": source.randbytes(150_001) + bytes(20_000),
        "deep/z.txt": "zażółć".encode(),
    }


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.fixture
def models(site):
    """Four revisions that lie in their manifests; the only file says which one it is."""
    return [site.pool.push(NAME, {"which": b"%d" % i}, k=0) for i in range(4)]


def which(site, name=NAME, **options):
    """The revision that comes back under the name, or the exit code."""
    done, files = site.restore(name, **options)
    assert "Traceback" not in done.stderr
    return int(files["which"]) if files else -done.returncode


def writers(site, count):
    return [Writer(site.pool, bytes([65 + i]) * 16) for i in range(count)]


def listed(site):
    done = site.run("list")
    assert done.returncode == 0, done.stderr
    return done.stdout
