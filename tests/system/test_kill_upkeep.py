"""A job of upkeep that is killed at any system call loses nothing, and ends when it is started again."""
import collections
import os
import random
import shutil
import subprocess

import pytest

from program import PROGRAM, Exit, Site, hashes
from samples import MIB, random_file

KILLS = 200 if os.environ.get("MODELFLOAT_NIGHTLY") else 30
# Those by which the program reads and changes what lies on a disk.
CALLS = "trace=openat,read,pread64,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,getdents64,newfstatat"


def traced(site, *arguments, at=None):
    """Runs the program under strace, which kills it at call number `at` of any of its threads. Returns its exit code and how many calls a thread made at most."""
    trace = site.base / "trace"
    inject = ["-e", CALLS.replace("trace=", "inject=") + f":signal=KILL:when={at}"] if at else []
    with subprocess.Popen(["strace", "-f", "-qq", "-o", trace, "-e", CALLS, *inject, PROGRAM, "--quiet", *arguments],
                          env=site.environment, cwd=site.work, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        _, errors = process.communicate(timeout=120)
    calls = collections.Counter(line.split(maxsplit=1)[0] for line in trace.read_text(errors="replace").splitlines())
    assert calls, f"strace did nothing: {errors}"
    return process.returncode, max(calls.values())


def shards_of(store):
    return [path for path in (store / "mf1/shard").rglob("*/*") if path.is_file()]


def break_something(site, chance):
    """What two stores have of shards, or of metadata, is gone."""
    for store in chance.sample(site.stores, 2):
        for path in chance.sample(shards_of(store), min(2, len(shards_of(store)))):
            path.unlink()
        shutil.rmtree(store / "mf1" / chance.choice(["content", "structure", "log", "slot"]), ignore_errors=True)


def begin_repair(site, chance):
    break_something(site, chance)
    return ["repair"]


def elsewhere(site, store, path):
    """The same object on other stores."""
    copies = [other / path.relative_to(store) for other in site.stores if other != store]
    return [copy for copy in copies if copy.exists()]


def begin_drain(site, chance):
    """What it has is nowhere else."""
    leaving = site.stores[0]
    for path in shards_of(leaving):
        for copy in elsewhere(site, leaving, path):
            copy.unlink()
    return ["store", "drain", leaving.name]


def begin_rebalance(site, chance):
    """A store has little, as if it were new."""
    new = chance.choice(site.stores)
    for path in shards_of(new):
        if elsewhere(site, new, path):
            path.unlink()
    return ["rebalance"]


def begin_verify(site, chance):
    return ["verify", "--read"]


def begin_drill(site, chance):
    return ["drill", "--without", chance.choice(site.stores).name]


@pytest.mark.parametrize("begin", [begin_repair, begin_drain, begin_rebalance, begin_verify, begin_drill])
def test_killed_at_system_calls(base, begin):
    chance = random.Random(begin.__name__)
    site = Site(base, stores=8)
    files = {f"lab/net{number}": random_file(site.base / f"{number}.bin", MIB, number) for number in range(4)}
    for name, file in files.items():
        site.push(file, name)
    arguments = begin(site, chance)
    code, calls = traced(site, *arguments)
    assert code in (Exit.OK, Exit.DEGRADED), code
    killed = 0
    for _ in range(3 * KILLS):
        if killed == KILLS:
            break
        arguments = begin(site, chance)
        code, _ = traced(site, *arguments, at=chance.randint(1, calls))
        killed += code == -9
        assert code in (-9, Exit.OK, Exit.DEGRADED), (code, arguments)
        name = chance.choice(list(files))
        assert site.pull(name)[1] == hashes(files[name]), "what was committed comes back"
        site.ok(*arguments)
    assert killed == KILLS, f"only {killed} runs were killed"
    site.ok("repair")
    site.ok("verify", "--read")
    with site.gone(*chance.sample(site.stores, 2)):
        for name, file in files.items():
            assert site.pull(name)[1] == hashes(file)
