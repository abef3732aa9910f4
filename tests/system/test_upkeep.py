"""A store is left, a new one takes its share, and what would be lost is known before."""
import shutil

from program import Exit, Site, hashes
from samples import MIB, random_file


def filled(base, stores):
    site = Site(base, stores=stores)
    site.push(random_file(site.base / "1.bin", 20 * MIB, 1), "lab/net1")
    return site


def objects(store):
    return sum(1 for path in store.rglob("*") if path.is_file())


def assert_it_comes_back(site):
    assert site.pull("lab/net1")[1] == hashes(site.base / "1.bin")


def test_a_store_is_drained_and_taken_out(base):
    site = filled(base, stores=8)
    leaving = [store for store in site.stores if any((store / "mf1/shard").rglob("*/*"))][0]
    refused = site.run("store", "rm", leaving.name, code=Exit.ERROR)
    assert "store drain" in refused.err and "--force" in refused.err
    had = sum(1 for _ in (leaving / "mf1/shard").rglob("*/*") if _.is_file())
    would = site.json("store", "drain", leaving.name, "--dry-run")
    assert would["left"] == 0 and would["shards_moved"] == had
    assert site.json("status")["stores"][0]["state"] == "in_use"
    done = site.json("store", "drain", leaving.name)
    assert done == would
    assert {store["name"]: store["state"] for store in site.json("store", "ls")["stores"]}[leaving.name] == "draining"
    site.run("store", "drain", leaving.name, "--cancel")
    site.run("store", "drain", leaving.name, "--cancel", code=Exit.ERROR)
    assert site.json("store", "drain", leaving.name) == {"shards_moved": 0, "bytes_moved": 0, "left": 0}
    site.run("store", "rm", leaving.name)
    shutil.rmtree(leaving)
    with site.gone(*[store for store in site.stores if store != leaving][:2]):
        assert_it_comes_back(site)
    site.run("store", "drain", "nowhere", code=Exit.NOT_FOUND)


def test_a_budget_is_kept_and_what_is_left_is_told(base):
    site = filled(base, stores=8)
    leaving = [store for store in site.stores if any((store / "mf1/shard").rglob("*/*"))][0]
    part = site.run("--json", "store", "drain", leaving.name, "--budget", "1", code=Exit.DEGRADED).json
    assert part["shards_moved"] == 0 and part["left"] > 0
    assert site.json("store", "drain", leaving.name)["left"] == 0


def test_a_new_store_takes_its_share(base):
    site = filled(base, stores=6)
    assert site.json("rebalance") == {"shards_moved": 0, "bytes_moved": 0}
    for number in range(2, 8):
        site.push(random_file(site.base / f"{number}.bin", 3 * MIB, number), f"lab/net{number}")
    new = site.base / "new"
    site.ok("store", "add", "new", f"local:{new}")
    would = site.json("rebalance", "--dry-run")
    assert not any((new / "mf1/shard").rglob("*/*"))
    done = site.json("rebalance")
    assert done == would and done["shards_moved"] > 0
    assert site.json("rebalance")["shards_moved"] == 0
    site.ok("verify", "--read")
    assert_it_comes_back(site)


def test_status_says_how_sound_the_models_are(base):
    site = filled(base, stores=6)
    assert site.json("status")["health"] == {"sound": 1}
    shutil.rmtree(next(store for store in site.stores) / "mf1/shard")
    site.run("verify", code=Exit.DEGRADED)
    assert site.json("status")["health"] == {"degraded": 1}
    assert "1: 1 degraded" in site.ok("status").text


def test_a_plan_and_a_drill(base):
    site = filled(base, stores=6)
    names = [store.name for store in site.stores]
    assert site.json("status")["last_drill"] is None
    assert site.json("plan")["lost"] == []
    plan = site.run("--json", "plan", "--without", names[0], code=Exit.DEGRADED).json
    assert list(plan) == ["lost", "at_risk", "bytes_to_copy", "copy_seconds", "first_token_seconds"]
    assert plan["at_risk"] == [{"name": "lab/net1", "domains_may_go": 1}]
    assert plan["bytes_to_copy"] > 3 * MIB and plan["copy_seconds"] is None, "no store was read from yet"
    assert_it_comes_back(site)
    plan = site.run("--json", "plan", "--without", names[0], code=Exit.DEGRADED).json
    assert plan["copy_seconds"] > 0 and plan["first_token_seconds"] > 0
    three = sum((["--without", name] for name in names[:3]), [])
    assert site.run("--json", "plan", *three, code=Exit.LOST).json["lost"] == ["lab/net1"]
    site.run("plan", "--without", "nowhere", code=Exit.NOT_FOUND)

    done = site.json("drill", "--without", names[0], "--without", names[5])
    assert list(done) == ["checked", "lost", "bytes_read", "seconds", "at"]
    assert done["checked"] == 1 and done["lost"] == 0 and done["bytes_read"] > 20 * MIB
    assert site.json("status")["last_drill"] == {"at": done["at"], "without": [names[0], names[5]], "checked": 1, "lost": 0}
    lost = site.run("--json", "drill", *three, code=Exit.LOST)
    assert lost.json["lost"] == 1
    assert "1 lost" in site.ok("status").text


def test_proofs_are_shown_and_samples_read(base):
    site = filled(base, stores=6)
    def model():
        return site.json("ls")["models"][0]
    assert model()["oldest_proof"] is None and model()["domains_may_go"] == 2
    sample = site.json("verify", "--sample", "20%")
    assert 0 < sample["bytes_read"] < 15 * MIB
    assert model()["oldest_proof"] is None
    verified = site.json("verify", "--read")["models"][0]
    assert verified["domains_may_go"] == 2 and verified["oldest_proof"].endswith("Z")
    assert model()["oldest_proof"] == verified["oldest_proof"] == site.json("show", "lab/net1")["oldest_proof"]
    for wrong in ("0", "101%", "x", "-5%", "5%%"):
        site.run("verify", "--sample", wrong, code=Exit.USAGE)
    site.run("verify", "--sample", "5%", "--read", code=Exit.USAGE)
    with site.gone(site.stores[0]):
        assert model()["domains_may_go"] == 1 and model()["health"] == "degraded"
