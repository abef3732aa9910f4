"""A home that can only be read: whoever reads models gets them, whoever changes something is told why it can't be done."""
import os
import shutil
import subprocess

import pytest

from program import PROGRAM, Exit, Home, Server, hashes
from samples import MIB, random_file

NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


class Reader(Home):
    """Uses the home of a site as a user who may read it and not write it."""

    def __init__(self, site):
        self.base, self.folder, self.stores = site.base / "reader", site.folder, site.stores
        self.work, self.temporary = self.base / "work", self.base / "tmp"
        for folder in (self.work, self.temporary):
            folder.mkdir(parents=True)
        self.environment = dict(site.environment, TMPDIR=str(self.temporary), HOME=str(self.base))
        self.environment.pop("MODELFLOAT_LLAMA_SERVER", None)  # lies where this user may not look
        self.prefix = []
        if os.geteuid() == 0:
            self.prefix = AS_NOBODY
            shutil.chown(self.work, NOBODY, NOBODY)
            shutil.chown(self.temporary, NOBODY, NOBODY)
            if subprocess.run([*AS_NOBODY, "test", "-x", str(PROGRAM)]).returncode != 0:
                pytest.skip("this user's programs cannot be run by another user")
            for folder in (site.base.parent, site.base):
                folder.chmod(0o755)
        self.close()

    def close(self):
        """Everybody may read everything, nobody may write."""
        for place in (self.folder, *self.stores):
            for path in (place, *place.rglob("*")):
                path.chmod(0o555 if path.is_dir() else 0o444)

    def open(self):
        for place in (self.folder, *self.stores):
            for path in (place, *place.rglob("*")):
                path.chmod(0o755 if path.is_dir() else 0o644)

    def start(self, *arguments, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen([*self.prefix, str(PROGRAM), *map(str, arguments)], env=self.environment, cwd=self.work,
                                start_new_session=True, **options)


@pytest.fixture
def reader(site):
    site.file = random_file(site.base / "m.bin", 3 * MIB, 1)
    site.push(site.file, "lab/net")
    reader = Reader(site)
    reader.owner, reader.expected = site, hashes(site.file)
    yield reader
    reader.open()


def content_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_whoever_reads_needs_not_write(reader):
    before = content_of(reader.folder)
    listed = reader.run("--json", "ls", code=Exit.OK)
    assert listed.json["models"][0]["health"] == "sound"
    assert listed.err.count("can only be read") == 1
    assert reader.json("show", "lab/net")["missing_shards"] == 0
    assert reader.json("status")["models"] == 1
    assert len(reader.json("store", "ls")["stores"]) == 6
    reader.ok("verify", "--read")
    reader.ok("pull", "lab/net", "-o", "it")
    assert hashes(reader.work / "it") == reader.expected
    assert reader.ok("cat", "lab/net", "m.bin").out == reader.owner.file.read_bytes()
    reader.json("token", "ls")
    assert content_of(reader.folder) == before
    assert not list(reader.temporary.iterdir())


@pytest.mark.parametrize("change", [
    ("push", "{file}", "--name", "lab/other"), ("rm", "lab/net"), ("store", "rm", "s1"), ("store", "set", "s1", "--capacity", "1G"),
    ("store", "add", "more", "local:{more}"), ("token", "create", "--scope", "read"), ("token", "rm", "abc"), ("init",),
    ("recover", "--recovery-code-file", "{code}", "--store", "local:{store}"),
])
def test_who_changes_something_is_told(reader, change):
    places = {"file": reader.owner.file, "more": reader.work / "more", "code": reader.owner.code_file, "store": reader.stores[0]}
    done = reader.run(*(word.format(**places) for word in change), code=Exit.DENIED)
    assert "can only be read" in done.err and str(reader.folder) in done.err
    assert not (reader.work / "more").exists()


def test_what_is_still_in_the_write_ahead_log_is_seen(reader):
    """Another process has the registry open, or was killed: its newest state is in the file beside it."""
    reader.open()
    server = Server(reader.owner)
    reader.owner.push(random_file(reader.owner.base / "n.bin", 2 * MIB, 2), "lab/newer")
    assert (reader.folder / "registry.db-wal").stat().st_size > 0
    reader.close()
    try:
        assert {model["name"] for model in reader.json("--cached", "ls")["models"]} == {"lab/net", "lab/newer"}
        server.process.kill()
        server.process.wait()
        (reader.folder / "registry.db-shm").unlink()  # as in a copy that somebody made of the home
        assert {model["name"] for model in reader.json("--cached", "ls")["models"]} == {"lab/net", "lab/newer"}
    finally:
        server.process.kill()
        server.process.wait()
        server.process.stdout.close()
        server.log.close()


def test_a_server_reads_and_refuses_changes(reader, serve):
    reader.open()
    token = reader.owner.json("token", "create", "--scope", "admin")["token"]
    reader.close()
    server = serve(reader)
    server.tokens["admin"] = token
    assert server.get("/api/v1/models")["models"][0]["health"] == "sound"
    status, body = server.ask("DELETE", "/api/v1/models/" + server.get("/api/v1/models")["models"][0]["id"])
    assert status == 403 and "can only be read" in body["error"]["message"]
    assert server.get("/api/v1/models")["models"]


def test_a_home_on_a_file_system_that_is_mounted_read_only(site, small_disk):
    site.push(random_file(site.base / "m.bin", MIB, 1), "lab/net")
    disk = small_disk("disk", "64m")
    shutil.copytree(site.folder, disk / "state")
    small_disk("disk", "64m", "remount", "ro")
    home = Home(site.base, "other")
    home.environment["MODELFLOAT_HOME"] = str(disk / "state")
    assert home.models()["lab/net"]["health"] == "sound"
    home.ok("pull", "lab/net", "-o", "it")
    assert "can only be read" in home.run("push", site.base / "m.bin", "--name", "lab/x", code=Exit.DENIED).err
