"""The main job over every kind of store that there is: MEGA, Google Drive, IPFS, S3, WebDAV and rclone, any two of which may go away."""
import itertools

import pytest

from kinds_pool import KindsPool
from program import Exit, Home, hashes
from samples import MIB, random_file


@pytest.fixture(scope="module")
def pool():
    pool = KindsPool()
    yield pool
    pool.stop()


def test_any_two_may_go_away(pool):
    file = random_file(pool.base / "a.bin", 9 * MIB, 1)
    pool.ok("push", file, "--name", "lab/a")
    for store in pool.json("status")["stores"]:
        assert store["online"] and store["shards"] > 0
        assert store["used_bytes"] > store["shards"] * 1000, store  # also of those that don't tell it
    for one, two in itertools.combinations(pool.places, 2):
        with one.door.is_shut(), two.door.is_shut():
            assert pool.pull("lab/a")[0] == hashes(file), f"without {one.name} and {two.name}"
    assert pool.pull("lab/a")[0] == hashes(file)
    assert pool.json("verify", "--read")["damaged"] == []


def test_three_are_too_many(pool):
    with pool.places[0].door.is_shut(), pool.places[2].door.is_shut(), pool.places[4].door.is_shut():
        pool.run("pull", "lab/a", "-o", pool.work / "no", code=Exit.LOST)


def test_recover_on_an_empty_home_from_these_stores(pool):
    other = Home(pool.base, "other")
    other.environment |= {name: value for place in pool.places for name, value in place.environment.items()}
    stores = [part for place in pool.places for part in ("--store", *place.arguments)]
    other.ok("recover", "--recovery-code-file", pool.code_file, *stores)
    assert all(store["online"] for store in other.json("status")["stores"])
    other.ok("pull", "lab/a", "-o", other.work / "a")
    assert hashes(other.work / "a") == hashes(pool.base / "a.bin")


def test_no_secret_of_theirs_is_in_the_registry(pool):
    stored = b"".join(path.read_bytes() for path in pool.folder.glob("registry.db*"))
    for place in pool.places:
        for field, value in (place.credentials or {}).items():
            assert field in ("email", "user", "access_key") or value.encode() not in stored, f"{place.name}: {field}"


def test_smollm2_answers_with_two_servers_stopped(pool, smollm2, llama_server):
    pool.ok("push", smollm2, "--name", "demo/smollm2")
    for one, two in ((0, 1), (2, 3), (4, 5)):
        with pool.places[one].door.is_shut(), pool.places[two].door.is_shut():
            answer = pool.json("run", "demo/smollm2", "The capital of France is", "-n", 8, "--temperature", 0)
            assert "Paris" in answer["text"], answer
    for place in (pool.places[0], pool.places[5]):  # the servers themselves
        place.server.stop()
    assert "Paris" in pool.json("run", "demo/smollm2", "The capital of France is", "-n", 8, "--temperature", 0)["text"]
