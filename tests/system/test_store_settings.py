"""Settings, credentials and limits of stores: where they come from, where they stay, and where no secret ever is."""
import json
import os
import pwd
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from program import PROGRAM, ROOT, Exit, Home, Site, descendants, hashes
from samples import MIB, random_file

sys.path.insert(0, str(ROOT / "tests/servers"))
from run import servers  # noqa: E402

CANARY = "canary-"


@pytest.fixture(scope="module")
def s3():
    """An S3 server; (URL of its bucket, credentials)."""
    with servers(["s3"]) as environment:
        url = f"s3:{environment['MODELFLOAT_TEST_S3']}/{environment['MODELFLOAT_TEST_S3_BUCKET']}"
        yield url, {"access_key": environment["MODELFLOAT_TEST_S3_ACCESS_KEY"], "secret_key": environment["MODELFLOAT_TEST_S3_SECRET_KEY"]}


def secret_file(path, values):
    path.write_text(json.dumps(values))
    path.chmod(0o600)
    return path


def is_online(home, name):
    return {store["name"]: store["online"] for store in home.json("store", "ls")["stores"]}[name]


def registry_bytes(home):
    return b"".join(path.read_bytes() for path in sorted(home.folder.glob("registry.db*")))


def test_credentials_by_file_by_environment_and_nowhere_in_clear(base, s3):
    url, credentials = s3
    site = Site(base, "1+1", stores=1)
    site.ok("store", "add", "bucket", f"{url}/one", "--credentials-file", secret_file(base / "s3.json", credentials))
    (base / "s3.json").unlink()
    assert is_online(site, "bucket")
    site.environment |= {"MODELFLOAT_STORE_MY_BUCKET_ACCESS_KEY": credentials["access_key"], "MODELFLOAT_STORE_MY_BUCKET_SECRET_KEY": credentials["secret_key"]}
    site.ok("store", "add", "my-bucket", f"{url}/two")
    for name in list(site.environment):
        if name.startswith("MODELFLOAT_STORE_"):
            del site.environment[name]
    assert is_online(site, "my-bucket")
    site.push(random_file(base / "a.bin", 2 * MIB, 1), "lab/a", "--redundancy", "1+1")
    assert site.pull("lab/a")[1] == hashes(base / "a.bin")
    assert credentials["secret_key"].encode() not in registry_bytes(site)
    assert b"secret_key" not in registry_bytes(site)


def test_without_credentials(base, s3):
    """Nobody is there to be asked, so it is said what is missing, and nothing is added."""
    url, _ = s3
    site = Site(base, "1+1", stores=2)
    refused = site.run("store", "add", "bucket", f"{url}/none", code=Exit.DENIED)
    assert "credentials" in refused.err
    assert len(site.json("store", "ls")["stores"]) == 2


def test_another_home_needs_credentials_of_its_own(base, s3):
    url, credentials = s3
    site = Site(base, "1+1", stores=2)
    file = secret_file(base / "s3.json", credentials)
    site.ok("store", "add", "bucket", f"{url}/shared", "--credentials-file", file)
    other, done = site.recover(base, "other")
    assert done.code == Exit.OK
    [bucket] = [store for store in other.json("store", "ls")["stores"] if store["name"] == "bucket"]
    assert not bucket["online"] and "store set bucket" in bucket["offline"], bucket
    wrong = secret_file(base / "wrong.json", {"access_key": credentials["access_key"], "secret_key": CANARY + "wrong"})
    refused = other.run("store", "set", "bucket", "--credentials-file", wrong, code=Exit.DENIED)
    assert CANARY not in refused.err + refused.text
    assert not is_online(other, "bucket")
    other.ok("store", "set", "bucket", "--credentials-file", file)
    assert is_online(other, "bucket")
    other.run("store", "set", "bucket", "--credentials-file", wrong, code=Exit.DENIED)
    assert is_online(other, "bucket"), "what was refused does not replace what works"


def test_recover_with_options_behind_each_store(base, s3):
    url, credentials = s3
    site = Site(base, "1+1", stores=1)
    site.ok("store", "add", "bucket", f"{url}/recover", "--credentials-file", secret_file(base / "s3.json", credentials))
    site.push(random_file(base / "a.bin", 2 * MIB, 1), "lab/a")
    code = ("--recovery-code-file", site.code_file)
    by_file = Home(base, "by_file")
    by_file.ok("recover", *code, "--store", f"local:{site.stores[0]}", "--domain", "attic", "--store", f"{url}/recover", "--credentials-file", base / "s3.json",
               "--bwlimit", "100M")
    found = {store["name"]: store for store in by_file.json("store", "ls")["stores"]}
    assert all(store["online"] for store in found.values()), found
    assert found["s0"]["domain"] == "attic" and found["bucket"]["domain"] != "attic" and found["bucket"]["health"]["bwlimit"] == "100M"
    # The second --store, then the name by which the log has it.
    for number, name in enumerate(("2", "BUCKET")):
        home = Home(base, f"by_environment_{name}")
        home.environment |= {f"MODELFLOAT_STORE_{name}_CREDENTIALS_FILE": str(base / "s3.json")}
        given = ("--store", f"{url}/recover") if number == 0 else ()
        home.ok("recover", *code, "--store", f"local:{site.stores[0]}", *given)
        home.environment.pop(f"MODELFLOAT_STORE_{name}_CREDENTIALS_FILE")
        assert is_online(home, "bucket"), name
        home.ok("pull", "lab/a", "-o", base / f"pulled{number}")
        assert hashes(base / f"pulled{number}") == hashes(base / "a.bin")
    site.run("recover", *code, "--api-url", "http://127.0.0.1:1", "--store", f"local:{site.stores[0]}", code=Exit.USAGE)


def test_no_secret_in_errors_or_the_registry(base):
    """A server that nobody answers for, and credentials that would be recognised anywhere."""
    site = Site(base, "1+1", stores=2)
    secrets = {"access_key": CANARY + "access", "secret_key": CANARY + "secret", "session_token": CANARY + "session"}
    file = secret_file(base / "s3.json", secrets)
    seen = ""
    for more in ((), ("--json",), ("-v", "-v")):
        done = site.run(*more, "store", "add", "bucket", "s3:http://127.0.0.1:1/bucket/x", "--credentials-file", file)
        assert done.code != 0
        seen += done.text + done.err
    for bad in ("{\"secret_key\": \"" + CANARY + "\"", "[\"" + CANARY + "\"]", json.dumps({"secret_key": CANARY, "wrong": CANARY})):
        file.write_text(bad)
        done = site.run("store", "add", "bucket", "s3:http://127.0.0.1:1/bucket/x", "--credentials-file", file)
        assert done.code != 0
        seen += done.text + done.err
    done = site.run("store", "add", "bucket", f"s3:http://user:{CANARY}@127.0.0.1:1/bucket")
    assert done.code != 0
    assert CANARY not in seen + done.err + done.text
    for path in site.folder.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path


def test_no_secret_in_arguments_or_what_children_are_told(base, s3, serve, smollm2, llama_server):
    """Every user of a machine can read the arguments of all programs: they are looked at while rclone and the engine run."""
    url, credentials = s3
    with servers(["rclone"]) as rclone:
        site = Site(base, "1+1", stores=1)
        site.environment |= {name: rclone[name] for name in ("RCLONE_CONFIG", "PATH")}
        site.environment |= {"MODELFLOAT_STORE_BUCKET_ACCESS_KEY": credentials["access_key"], "MODELFLOAT_STORE_BUCKET_SECRET_KEY": credentials["secret_key"]}
        site.ok("store", "add", "remote", "rclone:web:pool")
        site.ok("store", "add", "bucket", f"{url}/arguments")
        site.push(smollm2, "lab/smollm2")
        server = serve(site)
        server.ask("POST", "/models/lab%2Fsmollm2/inference", {"prompt": "Once", "max_tokens": 1}, status=200)
        key = (site.folder / "key").read_text().split()[-1]
        secrets = [key, site.code_file.read_text().strip(), server.token(), credentials["secret_key"], "hush"]
        children = descendants(server.process.pid)[1:]
        arguments = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in (server.process.pid, *children)}
        assert {"rclone", "llama-server"} <= {Path(os.fsdecode(arguments[pid][0])).name for pid in children}, arguments
        for pid, words in arguments.items():
            assert not any(secret.encode() in word for secret in secrets for word in words), words
        for pid in children:
            told = Path(f"/proc/{pid}/environ").read_bytes()
            assert not any(secret.encode() in told for secret in secrets), arguments[pid]
            assert b"MODELFLOAT_" not in told, arguments[pid]


def test_the_program_forbids_core_dumps(base, site):
    """As somebody who is not root, so that it shows: what has forbidden them belongs to root in /proc, whoever runs it."""
    user = os.geteuid() or pwd.getpwnam("nobody").pw_uid
    if os.geteuid() == 0:
        for path in (base, *base.rglob("*")):
            os.chown(path, user, -1)
    environment = {name: value for name, value in site.environment.items() if name != "MODELFLOAT_LLAMA_SERVER"}
    program = os.open(PROGRAM, os.O_RDONLY)  # may lie where that user cannot go, as the engine may
    process = subprocess.Popen([f"/proc/self/fd/{program}", "serve", "--listen", "127.0.0.1:0"], pass_fds=[program], env=environment, cwd=site.work,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **({"user": user} if os.geteuid() == 0 else {}))
    os.close(program)
    try:
        assert process.stdout.readline().startswith(b"listening on "), "the server does not start"
        about = Path(f"/proc/{process.pid}")
        assert re.search(rf"^Uid:\t{user}\t", (about / "status").read_text(), re.MULTILINE)
        assert (about / "environ").stat().st_uid == 0, "its memory is open to programs of its user, and cores are written where a program takes them"
        if os.geteuid() == 0:
            [core] = [line for line in (about / "limits").read_text().splitlines() if line.startswith("Max core file size")]
            assert core.split()[4:6] == ["0", "0"], core
        else:
            with pytest.raises(PermissionError):
                (about / "environ").read_bytes()
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_set_capacity_and_domain(site):
    site.ok("store", "set", "s0", "--capacity", "5MB", "--domain", "attic")
    [first] = [store for store in site.json("store", "ls")["stores"] if store["name"] == "s0"]
    assert first["capacity_bytes"] == 5_000_000 and first["domain"] == "attic" and first["online"]
    other, _ = site.recover(site.base, "other")
    [first] = [store for store in other.json("store", "ls")["stores"] if store["name"] == "s0"]
    assert first["capacity_bytes"] == 5_000_000 and first["domain"] == "attic"
    site.ok("store", "set", "s0", "--capacity", "0")
    site.run("store", "set", "nowhere", "--capacity", "1MB", code=Exit.NOT_FOUND)
    site.run("store", "set", "s0", code=Exit.ERROR)


def test_one_company_is_one_domain(base, s3):
    url, credentials = s3
    site = Site(base, "1+1", stores=1)
    file = secret_file(base / "s3.json", credentials)
    site.ok("store", "add", "one", f"{url}/domain-1", "--credentials-file", file)
    warned = site.ok("store", "add", "two", f"{url}/domain-2", "--credentials-file", file)
    assert "one failure domain" in warned.err
    said = site.ok("store", "add", "three", f"{url}/domain-3", "--credentials-file", file, "--domain", "mine")
    assert "one failure domain" not in said.err
    domains = {store["name"]: store["domain"] for store in site.json("store", "ls")["stores"]}
    assert domains["one"] == domains["two"] != domains["three"] == "mine"


@pytest.mark.parametrize("text", ["10X", "", "-1M", "1M:2M:3M"])
def test_bandwidth_that_makes_no_sense(site, text):
    site.run("--bwlimit", text, "store", "ls", code=Exit.USAGE)
    site.run("store", "set", "s0", "--bwlimit", text, code=Exit.USAGE)


def test_bandwidth_is_limited(base):
    """Not to the second: what travels at 2 MiB a second cannot be there in less than the half of its time."""
    site = Site(base, "1+1", stores=2)
    random_file(base / "a.bin", 8 * MIB, 1)
    began = time.monotonic()
    site.ok("--bwlimit", "4M:off", "push", base / "a.bin", "--name", "lab/a")  # 16 MiB and more
    assert time.monotonic() - began > 1.5
    for store in site.stores:
        site.ok("store", "set", store.name, "--bwlimit", "off:1M")
    site.push(random_file(base / "a.bin", 24 * MIB, 2), "lab/a")
    began = time.monotonic()
    assert site.pull("lab/a")[1] == hashes(base / "a.bin")
    assert time.monotonic() - began > 1.5
    (site.folder / "config.toml").write_text("".join(f"[store.{store.name}]\nbwlimit = 'off'\n" for store in site.stores))
    assert {store["health"]["bwlimit"] for store in site.json("status")["stores"]} == {"off:1M"}


def test_health_is_remembered(site):
    file = random_file(site.base / "a.bin", 8 * MIB, 1)
    site.push(file, "lab/a")
    site.pull("lab/a")
    for store in site.json("store", "ls")["stores"] + site.json("status")["stores"]:
        health = store["health"]
        assert health["last_seen"] and health["error_rate"] == 0 and health["parked"] == [] and health["uploaded_today_bytes"] > 0, store
        assert health["put"]["p50_seconds"] > 0 and health["idle_days_left"] is None and health["upload_budget_left_bytes"] is None, store
    with site.gone(site.stores[0]):
        health = site.json("status", code=Exit.DEGRADED)["stores"][0]["health"]
        assert health["error_rate"] > 0 and health["last_error"] == "offline", health
    for command in (["status"], ["store", "ls"]):
        assert {"ERRORS", "SEEN"} <= set(site.ok(*command).text.split())


def test_a_store_that_asked_for_a_pause_gets_it_from_the_next_run_too(site):
    file = random_file(site.base / "a.bin", 3 * MIB, 1)
    site.push(file, "lab/a")
    [first, *_] = site.json("store", "ls")["stores"]
    until = int(time.time() * 1000) + 3_600_000
    with sqlite3.connect(site.folder / "registry.db") as registry:
        registry.execute("insert into store_parks values (?, 'downloads', ?, 'quota')", (bytes.fromhex(first["id"]), until))
    found = {store["name"]: store for store in site.json("status", code=Exit.DEGRADED)["stores"]}
    assert found["s0"]["health"]["parked"][0]["lane"] == "downloads" and not found["s0"]["online"], found["s0"]
    assert "paused until" in site.run("status", code=Exit.DEGRADED).text
    assert site.pull("lab/a")[1] == hashes(file), "the others have enough"


def test_what_a_test_tells(site):
    told = site.json("store", "test", "s0")
    assert told["get_bytes_per_second"] > 0 and told["listed_at_once"] is True and told["traits"]["parallel_calls"] > 0
    assert told["domain"] and told["free_bytes"] > 0
    assert "at once" in site.ok("store", "test", "s0").text
    assert not site.objects("shard"), "nothing stays"


def test_touch(site):
    assert site.json("store", "touch")["touched"] == [store.name for store in site.stores]
    assert site.json("store", "touch", "s1") == {"touched": ["s1"], "failed": []}
    assert not site.objects("shard"), "nothing stays"
    site.run("store", "touch", "nowhere", code=Exit.NOT_FOUND)
    with site.gone(site.stores[0]):
        done = site.json("store", "touch", code=Exit.DEGRADED)
        assert [failed["name"] for failed in done["failed"]] == ["s0"] and len(done["touched"]) == 5
