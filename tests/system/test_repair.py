"""What is missing or damaged on the stores is written again."""
import shutil

from program import Exit, Site, hashes
from samples import MIB, random_file


def filled(base, stores=8):
    site = Site(base, stores=stores)
    for number, size in ((1, 20 * MIB), (2, MIB // 8)):
        site.push(random_file(site.base / f"{number}.bin", size, number), f"lab/net{number}")
    return site


def assert_all_there(site):
    for number in (1, 2):
        assert site.pull(f"lab/net{number}")[1] == hashes(site.base / f"{number}.bin")


def test_a_store_is_gone_for_good(base):
    site = filled(base)
    assert site.json("repair") == {"packs_checked": 2, "packs_repaired": 0, "shards_written": 0, "documents_written": 0, "bytes_read": 0,
                                   "bytes_written": 0, "unrepairable": []}
    lost = [store for store in site.stores if any((store / "mf1/shard").rglob("*/*"))][0]
    shutil.rmtree(lost)
    before = sum(1 for store in site.stores for _ in store.rglob("*"))
    would = site.json("repair", "--dry-run")
    assert sum(1 for store in site.stores for _ in store.rglob("*")) == before
    done = site.json("repair")
    assert done == would and done["shards_written"] > 0
    shard = done["bytes_written"] / done["shards_written"]
    assert done["bytes_read"] <= 4 * shard * done["packs_repaired"], "k shards of each pack, once"
    assert site.json("repair")["shards_written"] == 0
    site.run("store", "rm", lost.name)
    # It has its whole promise again: any two more may go.
    with site.gone(*[store for store in site.stores if store != lost][:2]):
        assert_all_there(site)
    site.ok("verify", "--read")


def test_what_is_damaged_is_replaced(base):
    site = filled(base)
    damaged = []
    for kind in ("shard", "content", "structure", "log", "slot"):
        store = [store for store in site.stores if (store / "mf1" / kind).exists()][0]
        file = sorted(path for path in (store / "mf1" / kind).rglob("*") if path.is_file())[0]
        damaged.append((file, file.read_bytes()))
        file.write_bytes(b"\0" * file.stat().st_size)
    site.run("verify", "--read", code=Exit.DEGRADED)
    site.run("verify", code=Exit.DEGRADED)  # it is remembered
    site.ok("repair")
    for file, content in damaged:
        assert file.read_bytes() == content, file
    site.ok("verify", "--read")


def test_too_few_shards_are_left(base):
    site = filled(base)
    holders = [store for store in site.stores if any((store / "mf1/shard").rglob("*/*"))]
    for store in holders:
        shutil.rmtree(store / "mf1/shard")
    done = site.json("repair", code=Exit.LOST)
    assert {(one["model"], one["file"]) for one in done["unrepairable"]} == {("lab/net1", "1.bin")}
    said = site.run("repair", code=Exit.LOST)
    assert "lab/net1" in said.text and "1.bin" in said.text
    site.run("repair", "lab/none", code=Exit.NOT_FOUND)
    assert_second(site)


def assert_second(site):
    assert site.pull("lab/net2")[1] == hashes(site.base / "2.bin")


def test_too_few_stores_are_left(base):
    """Five stores cannot keep six shards so that two may go. They are written all the same."""
    site = filled(base, stores=7)
    for store in site.stores[:2]:
        shutil.rmtree(store)
    done = site.run("--json", "repair", code=Exit.DEGRADED).json
    assert done["unrepairable"] == []
    with site.gone(site.stores[2]):
        assert_all_there(site)
