"""What a store gives back wrong is noticed, named and read around; it is never handed out."""
import random
import shutil

import pytest

from program import Exit, Site, flip, hashes, same
from samples import MIB, random_file

KINDS = ("shard", "structure", "content", "log", "checkpoint", "slot")


def kind_of(path):
    return path.parents[1].name


def flip_a_bit(path, chance):
    flip(path, chance.randrange(path.stat().st_size))


def truncate(path, chance):
    with open(path, "r+b") as file:
        file.truncate(chance.randrange(path.stat().st_size))


def empty(path, chance):
    path.write_bytes(b"")


def lengthen(path, chance):
    with open(path, "ab") as file:
        file.write(b"more")


def zero_the_end(path, chance):
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.seek(size // 2)
        file.write(bytes(size - size // 2))


def swap(paths, chance):
    """Each object gets the content of another of its length, where there is one."""
    contents = {}
    for path in paths:
        contents.setdefault(path.stat().st_size, []).append(path)
    for alike in contents.values():
        if len(alike) > 1:
            data = [path.read_bytes() for path in alike]
            for path, content in zip(alike, data[1:] + data[:1]):
                path.write_bytes(content)


@pytest.fixture
def filled(site):
    """A model of two files with three packs, and a small one that lies in its manifest."""
    folder = site.base / "net"
    folder.mkdir()
    random_file(folder / "weights.bin", 36 * MIB, 1)
    random_file(folder / "more.bin", 5 * MIB, 2)
    site.push(folder, "lab/net")
    site.push(random_file(site.base / "small.bin", 1000, 3), "lab/small")
    return site, hashes(folder)


@pytest.mark.parametrize("damage", [flip_a_bit, truncate, empty, lengthen, zero_the_end], ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("pair", [(0, 1), (2, 5)])
def test_every_object_of_two_stores(filled, damage, pair):
    site, expected = filled
    chance = random.Random(str(pair) + damage.__name__)
    damaged = [path for kind in KINDS for path in site.objects(kind, stores=[site.stores[index] for index in pair])]
    for path in damaged:
        damage(path, chance)
    done, found = site.pull("lab/net")
    assert found == expected, done
    assert site.pull("lab/small")[1] == hashes(site.base / "small.bin")
    report = site.json("verify", "--read", code=Exit.DEGRADED)
    named = {(finding["store"], finding["object"]) for finding in report["damaged"]}
    for path in damaged:
        store = next(store for store in site.stores if path.is_relative_to(store))
        if kind_of(path) in ("shard", "structure", "content"):
            assert (store.name, str(path.relative_to(store))) in named, (path, report)
    assert {store for store, _ in named} == {site.stores[index].name for index in pair}
    assert {model["name"]: model["health"] for model in report["models"]}.keys() == {"lab/net", "lab/small"}
    if damage in (truncate, empty, lengthen):
        listed = site.json("verify", code=Exit.DEGRADED)["damaged"]  # a list alone tells of wrong lengths
        assert {finding["what"] for finding in listed} <= {"missing", "corrupt"}
        assert sum(finding["type"] == "shard" for finding in listed) == len([path for path in damaged if kind_of(path) == "shard"])


def test_the_pull_says_what_was_wrong(filled):
    site, expected = filled
    for path in site.objects("shard", stores=site.stores[:2]):
        flip(path, 5000)
    done, found = site.pull("lab/net")
    assert found == expected
    assert "mf1/shard/" in done.err and ("s0" in done.err or "s1" in done.err), done
    # cat goes the same way.
    whole = site.ok("cat", "lab/net", "weights.bin")
    assert same(whole.out, (site.base / "net/weights.bin").read_bytes())


def test_swapped_objects(filled):
    site, expected = filled
    for store in site.stores[:2]:
        for kind in ("shard", "content", "structure"):
            swap(site.objects(kind, stores=[store]), random.Random(1))
    assert site.pull("lab/net")[1] == expected
    report = site.json("verify", "--read", code=Exit.DEGRADED)
    assert {finding["store"] for finding in report["damaged"]} == {"s0", "s1"}
    assert all(finding["what"] == "corrupt" for finding in report["damaged"]), report


def test_missing_objects(filled):
    site, expected = filled
    lost = site.objects("shard", stores=site.stores[3:5])
    for path in lost:
        path.unlink()
    assert site.pull("lab/net")[1] == expected
    report = site.json("verify", code=Exit.DEGRADED)
    shards = [finding for finding in report["damaged"] if finding["type"] == "shard"]
    assert len(shards) == len(lost) and {finding["what"] for finding in shards} == {"missing"}
    assert {model["name"]: model["health"] for model in report["models"]}["lab/net"] != "sound"


def test_one_pack_with_too_little(filled):
    """Three shards of each pack damaged: nothing is handed out, and it is said."""
    site, _ = filled
    for path in site.objects("shard", stores=site.stores[:3]):
        flip(path, 200_000)
    done, _ = site.pull("lab/net", code=Exit.LOST)
    assert all(store.name in done.err for store in site.stores[:3]) and "corrupt" in done.err, done
    report = site.json("verify", "--read", code=Exit.LOST)
    assert len([finding for finding in report["damaged"] if finding["what"] == "corrupt"]) == len(site.objects("shard", stores=site.stores[:3]))
    assert site.pull("lab/small")[1] == hashes(site.base / "small.bin")


def test_damage_in_different_places_of_many_stores(filled):
    """Fewer than k shards of a pack are whole, yet each byte can be had: at the least nothing wrong comes out."""
    site, expected = filled
    for number, store in enumerate(site.stores):
        for path in site.objects("shard", stores=[store]):
            flip(path, 1000 + number * 100_000)
    done, found = site.pull("lab/net", code=None)
    assert done.code == Exit.LOST or found == expected, done


def test_a_store_that_rolled_back(filled):
    """An old copy of a store, put in its place, does not take models away."""
    site, expected = filled
    old = site.base / "old"
    shutil.copytree(site.stores[0], old)
    file = random_file(site.base / "later.bin", 3 * MIB, 9)
    site.push(file, "lab/later")
    shutil.rmtree(site.stores[0])
    old.rename(site.stores[0])
    assert site.pull("lab/later")[1] == hashes(file)
    assert set(site.models()) == {"lab/net", "lab/small", "lab/later"}
    damaged = site.json("verify", code=Exit.DEGRADED)["damaged"]
    assert {finding["store"] for finding in damaged} == {"s0"}


def test_verify_of_one_model(filled):
    site, _ = filled
    site.push(random_file(site.base / "other.bin", 3 * MIB, 4), "lab/other")
    before = set(site.objects())
    site.push(random_file(site.base / "third.bin", 3 * MIB, 5), "lab/third")
    for path in set(site.objects()) - before:
        flip(path, 3000)
    assert site.json("verify", "lab/other", "--read")["damaged"] == []
    assert site.run("verify", "lab/third", "--read").code == Exit.LOST
    site.run("verify", "lab/nowhere", code=Exit.NOT_FOUND)


def test_copies(base):
    """With 1+2, one whole copy is enough."""
    site = Site(base, "1+2", stores=3)
    file = random_file(base / "file.bin", 9 * MIB, 1)
    site.push(file, "lab/net")
    for path in site.objects("shard", stores=site.stores[:2]):
        flip(path, 100)
    assert site.pull("lab/net")[1] == hashes(file)
    site.run("verify", "--read", code=Exit.DEGRADED)


def test_much_of_a_kind_is_counted(site):
    for number in range(11):
        site.push(random_file(site.base / f"{number}.bin", 1000, number), f"lab/m{number}")
    gone = site.objects("structure", stores=site.stores[:1])
    assert len(gone) == 22
    for path in gone:
        path.unlink()
    named = site.json("verify", code=Exit.DEGRADED)["damaged"]
    assert len(named) == 22 and {(finding["store"], finding["what"]) for finding in named} == {("s0", "missing")}, named
    rows = [line for line in site.run("verify", code=Exit.DEGRADED).text.splitlines() if line.startswith("s0 ")]
    assert len(rows) == 1 and "22 objects (--json names them)" in rows[0], rows
