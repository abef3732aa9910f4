"""A store whose folder is missing, or is not the store that it was, is offline: never empty, never written to."""
import pytest

from program import Exit, Site, hashes
from samples import MIB, random_file


def everything_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def states(site, code):
    return {store["name"]: store["online"] for store in site.json("status", code=code)["stores"]}


def test_missing_folder(site):
    file = random_file(site.base / "a.bin", 3 * MIB, 1)
    site.push(file, "lab/a")
    with site.gone(site.stores[0]):  # holds that nothing was written there
        assert states(site, Exit.DEGRADED) == {store.name: store != site.stores[0] for store in site.stores}
        refused = site.run("push", random_file(site.base / "b.bin", 3 * MIB, 2), "--name", "lab/b")
        assert refused.code == Exit.UNREACHABLE and "s0" in refused.err, refused
        assert "lab/b" not in site.models()
        assert site.pull("lab/a")[1] == hashes(file)
    assert site.json("verify", code=Exit.OK)["damaged"] == []
    site.push(site.base / "b.bin", "lab/b")
    assert site.pull("lab/b")[1] == hashes(site.base / "b.bin")


def test_empty_folder_in_its_place(site):
    """A disk that is not mounted shows an empty folder."""
    file = random_file(site.base / "a.bin", 3 * MIB, 1)
    site.push(file, "lab/a")
    away = site.stores[3].with_name("away")
    site.stores[3].rename(away)
    site.stores[3].mkdir()
    assert states(site, Exit.DEGRADED)["s3"] is False
    assert site.pull("lab/a")[1] == hashes(file)
    site.run("push", random_file(site.base / "b.bin", 3 * MIB, 2), "--name", "lab/b")
    damaged = site.json("verify", code=Exit.DEGRADED)["damaged"]
    assert damaged and all(finding["store"] == "s3" and finding["what"] == "offline" for finding in damaged), damaged
    site.run("verify", "--read", code=Exit.DEGRADED)
    assert everything_in(site.stores[3]) == []
    site.stores[3].rmdir()
    away.rename(site.stores[3])
    assert site.json("verify")["damaged"] == []


@pytest.mark.parametrize("how", ["gone", "of another pool", "of another store", "garbled"])
def test_marker(site, how):
    file = random_file(site.base / "a.bin", 3 * MIB, 1)
    site.push(file, "lab/a")
    marker = site.stores[2] / "mf1/marker"
    kept = marker.read_bytes()
    if how == "gone":
        marker.unlink()
    elif how == "of another pool":
        other = Site(site.base / "other", stores=1, redundancy="1+0")
        marker.write_bytes((other.stores[0] / "mf1/marker").read_bytes())
    elif how == "of another store":
        marker.write_bytes((site.stores[1] / "mf1/marker").read_bytes())
    else:
        marker.write_bytes(bytes(64))
    before = everything_in(site.stores[2])
    assert states(site, Exit.DEGRADED)["s2"] is False
    assert site.pull("lab/a")[1] == hashes(file)
    site.run("push", random_file(site.base / "b.bin", 3 * MIB, 2), "--name", "lab/b")
    assert everything_in(site.stores[2]) == before
    marker.write_bytes(kept)
    assert states(site, Exit.OK)["s2"] is True


def test_swapped_folders(site):
    """Two disks that changed places are not the stores that their URLs name."""
    file = random_file(site.base / "a.bin", 3 * MIB, 1)
    site.push(file, "lab/a")
    one, two = site.stores[:2]
    middle = one.with_name("middle")
    one.rename(middle)
    two.rename(one)
    middle.rename(two)
    found = states(site, Exit.DEGRADED)
    assert not found["s0"] and not found["s1"]
    assert site.pull("lab/a")[1] == hashes(file)


def test_add_refusals(site):
    site.run("store", "add", "s0", f"local:{site.base}/new", code=Exit.ERROR)
    site.run("store", "add", "again", f"local:{site.stores[0]}", code=Exit.ERROR)
    assert site.run("store", "add", "odd", "ftp://host/x").code in (Exit.ERROR, Exit.USAGE)
    assert [store["name"] for store in site.json("store", "ls")["stores"]] == [store.name for store in site.stores]
    other = Site(site.base / "other", stores=1, redundancy="1+0")
    taken = site.run("store", "add", "taken", f"local:{other.stores[0]}")
    assert taken.code != 0, "a store of another pool was taken over"
    other.ok("status")


def test_add_test_and_remove(site):
    site.ok("store", "add", "s6", f"local:{site.base}/new/deep", "--domain", "attic", "--capacity", 10_000_000)
    assert (site.base / "new/deep/mf1/marker").stat().st_size == 64
    [added] = [store for store in site.json("store", "ls")["stores"] if store["name"] == "s6"]
    assert added["domain"] == "attic" and added["capacity_bytes"] == 10_000_000 and added["online"]
    assert site.json("store", "test", "s6")["put_seconds"] >= 0
    site.run("store", "test", "nowhere", code=Exit.NOT_FOUND)
    site.run("store", "rm", "nowhere", code=Exit.NOT_FOUND)
    site.run("store", "rm", "s6", "nowhere", code=Exit.NOT_FOUND)
    assert len(site.json("store", "ls")["stores"]) == 7, "one of two was taken out"
    assert site.json("store", "rm", "s6", "s6")["removed"] == ["s6"]
    assert len(site.json("store", "ls")["stores"]) == 6


def test_a_removed_store_that_held_shards_is_told_of(site):
    site.push(random_file(site.base / "a.bin", 3 * MIB, 1), "lab/a")
    site.ok("store", "add", "s6", f"local:{site.base}/new")
    assert site.json("store", "rm", "s6")["models_at_risk"] == []
    assert "than was promised" in site.run("store", "rm", "s0", code=Exit.ERROR).err
    removed = site.ok("store", "rm", "--force", "s0")
    assert "lab/a" in removed.err and "fewer stores" in removed.err, removed
    site.ok("store", "rm", "s1", "--force")
    refused = site.run("store", "rm", "s2", "--force", code=Exit.ERROR)
    assert "could not be read" in refused.err
    assert len(site.json("store", "ls")["stores"]) == 4
    assert site.pull("lab/a")[1] == hashes(site.base / "a.bin")


def test_changes_while_too_few_stores_are_there(base):
    """They hold, the command says that not everybody knows of them yet, and the store that was away learns of them later."""
    site = Site(base, "1+1", stores=2)
    for name in ("a", "b"):
        site.push(random_file(base / name, 3 * MIB, 1), f"lab/{name}")
    with site.gone(site.stores[1]):
        done = site.run("rm", "lab/a", code=Exit.DEGRADED)
        assert "too few stores" in done.err
        assert set(site.models()) == {"lab/b"}
    other, _ = site.recover(base, "other")
    assert set(other.models()) == {"lab/b"}
    with site.gone(*site.stores):
        site.run("rm", "lab/b", code=Exit.UNREACHABLE)
    assert set(site.models()) == {"lab/b"}
    site.ok("rm", "lab/b")
    with site.gone(site.stores[1]):
        site.run("store", "rm", "s1", code=Exit.DEGRADED)
        assert [store["name"] for store in site.json("store", "ls")["stores"]] == ["s0"]
        site.ok("store", "add", "s1", f"local:{base}/another")


def test_too_few_domains(base):
    """Shards that would fall together are refused before anything is stored."""
    site = Site(base, "4+2", stores=3)
    refused = site.run("push", random_file(base / "a.bin", 3 * MIB, 1), "--name", "lab/a")
    assert refused.code == Exit.ERROR, refused
    assert "domain" in refused.err or "store" in refused.err
    assert site.models() == {} and site.objects() == []


def test_texts_on_every_store(site):
    for store in site.stores:
        assert "rescue" in (store / "mf1/FORMAT.txt").read_text()
        compile((store / "mf1/rescue.py").read_text(), "rescue.py", "exec")


def test_full_store(site):
    """A store without room is said so; what was promised is kept."""
    site.ok("store", "add", "tiny", f"local:{site.base}/tiny", "--capacity", 1000)
    file = random_file(site.base / "a.bin", 3 * MIB, 1)
    site.push(file, "lab/a")
    assert not (site.base / "tiny/mf1/shard").exists() or not list((site.base / "tiny/mf1/shard").rglob("*/*"))
    assert site.pull("lab/a")[1] == hashes(file)


def test_status_tells_of_a_store_that_takes_nothing(site, small_disk):
    place = small_disk("disk", "64m")
    site.ok("store", "add", "disk", f"local:{place}")
    assert "failed" not in site.ok("status").text
    small_disk("disk", "64m", "remount", "ro")
    site.push(random_file(site.base / "a.bin", 3 * MIB, 1), "lab/a")
    row = next(line for line in site.ok("status").text.splitlines() if line.startswith("disk "))
    assert "uploads failed, last error denied at 2" in row, row
    assert "failed" not in next(line for line in site.ok("status").text.splitlines() if line.startswith("s0 "))
