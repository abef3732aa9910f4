"""A push over stores of all kinds goes on while servers misbehave, whatever they do; nothing is lost, and who is to blame is named."""
import contextlib

import pytest

from kind_rules import HANGS, PULL_LIES, PUSH_FULL, PUSH_LASTING, PUSH_PASSING
from kinds_pool import KindsPool
from program import Exit, hashes
from samples import random_file

SMALL = 300_000  # one shard for each store
LARGE = 17 << 20  # two
SPARES = ("spare1", "spare2")
PAIRS = (("mega", "ipfs"), ("drive", "s3"), ("webdav", "rclone"))


class Pool(KindsPool):
    """With two folders that may take what other stores do not: 4+2 over six leaves no choice."""

    def __init__(self):
        super().__init__(faulty=True)
        for spare in SPARES:
            self.ok("store", "add", spare, f"local:{self.base / spare}", "--domain", spare, "--capacity", "50MB")
        self.pushes = 0

    def push_while(self, rules, size=SMALL):
        """Pushes while the servers of these kinds do that: (the finished push, the model, its hashes). Each rule is met, if only by another push: which stores
        get shards is drawn, and hardly ever a folder, which is small, is among them."""
        for _ in range(3):
            self.pushes += 1
            name = f"lab/m{self.pushes}"
            file = random_file(self.base / "model.bin", size, self.pushes)
            for kind, of_kind in rules.items():
                self.place[kind].faults.plan(*of_kind)
            try:
                done = self.run("push", file, "--name", name)
                assert done.code == 0, done
                spared = [kind for kind, of_kind in rules.items() if self.place[kind].faults.met() < len(of_kind)]
            finally:
                for kind in rules:
                    self.place[kind].faults.plan()
            if not spared:
                return done, name, hashes(file)
        raise AssertionError(f"these were never asked for what they do wrong: {spared}")

    def check(self, name, wanted, without):
        """All is there, and also without these two."""
        assert self.pull(name)[0] == wanted
        with contextlib.ExitStack() as shut:
            for kind in without:
                shut.enter_context(self.place[kind].door.is_shut())
            assert self.pull(name)[0] == wanted

    def push_past(self, pair, rules, size=SMALL):
        """The same for two kinds at once, of which others have to take the shards."""
        there = {kind: rules[kind] for kind in pair if kind in rules}
        done, name, wanted = self.push_while(there, size)
        for kind in there:
            assert f"takes a shard instead of {kind}: " in done.err, f"{kind}: {done}"
        self.check(name, wanted, pair)


@pytest.fixture(scope="module")
def pool():
    pool = Pool()
    yield pool
    pool.stop()


@pytest.mark.parametrize("rule", PUSH_PASSING)
def test_what_passes_is_waited_out_by_all_at_once(pool, rule):
    done, name, wanted = pool.push_while(PUSH_PASSING[rule])
    assert "takes a shard instead" not in done.err, done
    pool.check(name, wanted, PAIRS[pool.pushes % len(PAIRS)])


@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
@pytest.mark.parametrize("rule", PUSH_LASTING)
def test_what_lasts_is_left_to_other_stores(pool, rule, pair):
    pool.push_past(pair, PUSH_LASTING[rule])


@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
def test_full_in_the_middle(pool, pair):
    pool.push_past(pair, PUSH_FULL, LARGE)


@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
def test_servers_that_hang_are_left_out(pool, pair):
    _, name, wanted = pool.push_while({kind: [HANGS] for kind in pair})
    pool.check(name, wanted, pair)


def test_a_real_model_while_one_fills_up_and_another_lies(pool, smollm2):
    """Six packs: one store takes two shards and is full then; afterwards another gives wrong bytes for all that it is asked."""
    wanted = hashes(smollm2)
    s3, drive = pool.place["s3"].faults, pool.place["drive"].faults
    s3.plan({**PUSH_FULL["s3"][0], "skip": 2})
    done = pool.ok("push", smollm2, "--name", "demo/smollm2")
    assert "takes a shard instead of s3: " in done.err, done
    s3.plan()
    pool.pushes += 1
    drive.plan(*PULL_LIES["flipped bit"]["drive"])
    with pool.place["ipfs"].door.is_shut():
        found, done = pool.pull("demo/smollm2")
    assert found == wanted
    assert drive.met()
    assert "drive: mf1/shard/" in done.err, done
    drive.plan()
    report = pool.json("verify", "--read", "demo/smollm2", code=Exit.OK)
    assert report["damaged"] == []


def test_six_of_which_one_refuses_are_too_few(pool):
    """The push ends with the reason, nothing of it shows, and the next one goes on."""
    spares = [pool.base / spare for spare in SPARES]
    for spare in spares:
        spare.rename(spare.with_suffix(".away"))
    file = random_file(pool.base / "model.bin", SMALL, 9999)
    pool.place["s3"].faults.plan(*PUSH_LASTING["refused"]["s3"])
    done = pool.run("push", file, "--name", "lab/six", code=Exit.UNREACHABLE)  # the spares would help
    assert "4+2 that survives 2 needs 6 failure domains" in done.err and "s3 (" in done.err, done
    assert "lab/six" not in pool.models()
    pool.place["s3"].faults.plan()
    pool.ok("push", file, "--name", "lab/six")
    for spare in spares:
        spare.with_suffix(".away").rename(spare)
    pool.pushes += 1
    pool.check("lab/six", hashes(file), ("s3", "drive"))


def test_nothing_is_missing_in_the_end(pool):
    """Each store has caught up with what it missed, also who said that it had it. What was cut short is still there."""
    pool.ok("push", random_file(pool.base / "model.bin", SMALL, 0), "--name", "lab/last")
    report = pool.run("--json", "verify").json
    assert {(found["store"], found["what"]) for found in report["damaged"]} <= {("webdav", "corrupt")}
    assert {model["health"] for model in report["models"]} == {"sound"}
    assert len(report["models"]) == pool.pushes + 1
