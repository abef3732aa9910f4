"""A pull from stores of all kinds goes on over the others while one of them misbehaves, whatever that does; no wrong byte comes, and who lies is named."""
import shutil

import pytest

from kind_rules import HANGS, KINDS, PULL, PULL_LIES
from kinds_pool import KindsPool
from program import Exit, Home, hashes
from samples import random_file

SECONDS = (0.7, 2, 6)  # by which another store is later than the one that misbehaves
NOT_WAITED_FOR = 20  # seconds: a pull that waits for who says nothing takes 30


# What may have been an accident is tried again, and the pull has all from others by then: it is for verify to say who it was.
NOT_SURE_AT_ONCE = {("shorter", "ipfs"), ("shorter", "rclone"), ("404", "rclone")}


class Pool(KindsPool):
    def __init__(self):
        super().__init__(faulty=True)
        self.file = random_file(self.base / "model.bin", 600_000, 1)
        self.ok("push", self.file, "--name", "lab/m")
        self.wanted = hashes(self.file)
        self.homes = 0

    def another_home(self):
        """This home as it is now: what it learns about a store, this one does not."""
        self.homes += 1
        home = Home(self.base, f"home{self.homes}")
        shutil.copytree(self.folder, home.folder)
        home.environment |= {name: value for place in self.places for name, value in place.environment.items()}
        return home

    def pull_while(self, place, rules):
        """Pulls while the server does that, and gives the finished pull. It has to be asked for a shard at first, since of the others one is not there and one
        is late to show that it is."""
        late, *_, away = [other for other in self.others(place) if other.name != "mega"]
        for seconds in SECONDS:
            home = self.another_home()
            place.faults.plan(*rules)
            late.faults.plan({"target": "marker", "times": 1, "fault": "late", "seconds": seconds})
            try:
                with away.door.is_shut():
                    done = home.ok("pull", "lab/m", "-o", home.work / "m", seconds=NOT_WAITED_FOR)
                assert hashes(home.work / "m") == self.wanted
                assert late.faults.met(), late.name
                if place.faults.met():
                    return done
            finally:
                for one in (place, late):
                    one.faults.plan()
        raise AssertionError(f"{place.name} was never asked for what it does wrong")


@pytest.fixture(scope="module")
def pool():
    pool = Pool()
    yield pool
    pool.stop()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", PULL)
def test_another_store_has_it(pool, rule, kind):
    pool.pull_while(pool.place[kind], PULL[rule][kind])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", PULL_LIES)
def test_who_lies_is_named(pool, rule, kind):
    place = pool.place[kind]
    done = pool.pull_while(place, PULL_LIES[rule][kind])
    if (rule, kind) not in NOT_SURE_AT_ONCE:
        assert f"{kind}: mf1/shard/" in done.err, done
        return
    place.faults.plan(*PULL_LIES[rule][kind])
    report = pool.another_home().json("verify", "--read", "lab/m", code=Exit.DEGRADED)
    place.faults.plan()
    assert {found["store"] for found in report["damaged"]} == {kind}, report


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_hangs_is_not_waited_for(pool, kind):
    place = pool.place[kind]
    place.faults.plan(HANGS)
    try:
        home = pool.another_home()
        home.ok("pull", "lab/m", "-o", home.work / "m", seconds=NOT_WAITED_FOR)
        assert hashes(home.work / "m") == pool.wanted
        assert place.faults.met()
    finally:
        place.faults.plan()


def test_three_that_lie_are_too_many(pool):
    """No wrong byte comes then either."""
    liars = [pool.place[kind] for kind in ("s3", "webdav", "rclone")]
    for place in liars:
        place.faults.plan(*PULL_LIES["flipped bit"][place.name])
    try:
        home = pool.another_home()
        done = home.run("pull", "lab/m", "-o", home.work / "m", code=Exit.LOST)
        assert not (home.work / "m").exists()
        for place in liars:
            assert f"on {place.name} (corrupt)" in done.err, done
    finally:
        for place in liars:
            place.faults.plan()
