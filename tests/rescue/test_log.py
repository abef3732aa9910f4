"""What the records of the log say: tags, order, removals, replacements."""
import itertools

import pytest

from conftest import NAME, flip, listed, which, writers
from writer import Pool, Writer, committed, prepared, removed, replaced, untagged

def test_last_commit_of_a_chain_wins(site, models):
    (a,) = writers(site, 1)
    for model in models:
        a.record(prepared(model))
        a.record(committed(model))
    assert which(site) == 3
    for i, model in enumerate(models):
        assert which(site, "%s@%s" % (NAME, model["revision"].hex())) == i
        assert which(site, "%s@%s" % (NAME, model["revision"].hex()[:12])) == i


def test_prepared_is_not_shown(site, models):
    (a,) = writers(site, 1)
    a.record(prepared(models[0]))
    assert which(site) == -3
    assert NAME not in listed(site)


def test_order_inside_a_record(site, models):
    (a,) = writers(site, 1)
    a.record(committed(models[0]), committed(models[2]), committed(models[1]))
    assert which(site) == 1
    a.record(untagged(NAME), committed(models[3]))
    assert which(site) == 3
    a.record(committed(models[0]), untagged(NAME))
    assert which(site, NAME + ":latest") == -3


def test_untagged(site, models):
    (a,) = writers(site, 1)
    a.record(committed(models[0]), committed(models[1], tag="stable"))
    a.record(untagged(NAME))
    assert which(site, NAME + ":latest") == -3
    assert which(site, NAME + ":stable") == 1
    assert which(site) == 1  # the only tag
    a.record(untagged(NAME, "stable"))
    assert which(site) == -3
    assert which(site, "%s@%s" % (NAME, models[0]["revision"].hex())) == 0
    assert "tags=-" in listed(site)


def test_removed_falls_back_to_what_is_live(site, models):
    (a,) = writers(site, 1)
    for model in models[:3]:
        a.record(committed(model))
    a.record(removed(models[2]))
    assert which(site) == 1
    a.record(removed(models[0], models[1]))
    assert which(site) == -3
    assert listed(site) == ""


def test_removal_does_not_bring_back_what_was_untagged_before(site, models):
    (a,) = writers(site, 1)
    a.record(committed(models[0]))
    a.record(untagged(NAME))
    a.record(committed(models[1]))
    a.record(removed(models[1]))
    assert which(site, NAME + ":latest") == -3


def test_other_models_and_tags_do_not_matter(site, models):
    (a,) = writers(site, 1)
    other = site.pool.push("lab/other", {"which": b"9"}, k=0)
    a.record(committed(models[0]), committed(other), committed(models[1], tag="old"))
    a.record(untagged("lab/other", "old"), untagged(NAME, "older"))
    assert (which(site), which(site, NAME + ":old"), which(site, "lab/other")) == (0, 1, 9)
    assert [line.split()[0] for line in listed(site).splitlines()] == [NAME, NAME, "lab/other"]
    assert "tags=old" in listed(site) and "files=1  bytes=1  created=2023-11-14T22:13:20Z" in listed(site)


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
def test_concurrent_commits_go_by_the_larger_hash(site, models, order):
    a, b = (writers(site, 2)[i] for i in order)
    first, second = a.record(committed(models[0])), b.record(committed(models[1]))
    assert which(site) == (0 if first > second else 1)


def test_who_has_read_is_later(site, models):
    """B has read A's commit in an earlier record of its chain: its own is later, whatever the hashes."""
    for turn in range(4):  # four tags, so that either hash would win somewhere
        a, b = Writer(site.pool, site.random.randbytes(16)), Writer(site.pool, site.random.randbytes(16))
        a.record(committed(models[0], "t%d" % turn))
        b.read(a)
        b.record()
        assert b.heads == {}
        b.record(committed(models[1], "t%d" % turn))
        a.record()
        assert which(site, "%s:t%d" % (NAME, turn)) == 1


def test_untagged_by_one_who_had_not_read_does_not_count(site, models):
    a, b = writers(site, 2)
    a.record()
    b.read(a)
    a.record(committed(models[0]))
    b.record(untagged(NAME))
    assert which(site) == 0
    b.read(a)
    b.record(untagged(NAME))
    assert which(site, NAME + ":latest") == -3


def test_three_writers(site, models):
    a, b, c = writers(site, 3)
    a.record(committed(models[0]))
    b.read(a)
    b.record(committed(models[1]))
    c.read(a)
    last = c.record(committed(models[2]))
    assert which(site) == (1 if b.previous > last else 2)
    a.read(b, c)
    a.record(committed(models[3]))
    assert which(site) == 3
    c.record(removed(models[3]))
    assert which(site) == (1 if b.previous > last else 2)


def test_a_doubled_chain_is_reported_and_all_of_it_counts(site, models):
    a, b = writers(site, 2)
    a.record(committed(models[0], "one"))
    b.read(a)
    b.record(committed(models[3]))
    twin = Writer(site.pool, a.name)
    twin.read(b)
    twin.record(committed(models[1], "two"))
    done = site.run("list")
    assert "a fork: 2 records have the number 1" in done.stderr
    assert (which(site, NAME + ":one"), which(site, NAME + ":two"), which(site, NAME + ":latest")) == (0, 1, 3)


def test_a_ring_of_doubled_chains_still_gives_the_tag_a_meaning(site, models):
    a, b = writers(site, 2)
    a.heads = {b.name: [1, bytes(32)]}
    b.heads = {a.name: [1, bytes(32)]}
    first, second = a.record(committed(models[0])), b.record(committed(models[1]))
    assert which(site) == (0 if first > second else 1)


def test_gaps_are_reported(site, models):
    a, b = writers(site, 2)
    for model in models:
        a.record(committed(model))
    b.read(a)
    b.record()
    a.drop(2)
    done = site.run("list")
    assert "records 2 to 2 are missing" in done.stderr
    a.drop(4)
    done = site.run("list")
    assert "records 2 to 2 are missing" in done.stderr and "records 4 to 4 are missing" in done.stderr
    assert which(site) == 2


def test_records_that_do_not_fit_their_name_are_ignored(site, models):
    a, b, c = writers(site, 3)
    a.record(committed(models[0]))
    b.record(committed(models[1]), writer=c.name)
    done, files = site.restore(NAME)
    assert files == {"which": b"0"}
    assert "another writer or number" in done.stderr


def test_damaged_records_are_named_and_the_rest_counts(site, models):
    (a,) = writers(site, 1)
    a.record(committed(models[0]))
    a.record(committed(models[1]))
    for store in site.stores:
        for path in (store / "mf1/log").rglob("0000000000000002-*"):
            flip(path, 120)
    done, files = site.restore(NAME)
    assert files == {"which": b"0"}
    for store in site.stores:
        assert "damaged: %s" % store in done.stderr


def test_unknown_changes_are_passed_over_and_told(site, models):
    (a,) = writers(site, 1)
    a.record({"kind": "sung", "what": 1}, committed(dict(models[0], more=[1])), {"kind": "policy", "k": 4, "m": 2, "survive": 2})
    done, files = site.restore(NAME)
    assert files == {"which": b"0"}
    assert "unknown kind 'sung'" in done.stderr
    assert "policy" not in done.stderr


@pytest.mark.parametrize("change", [
    {"kind": "committed"}, {"kind": "removed", "model": NAME, "manifests": 5}, {"kind": "untagged", "model": 1, "tag": "x"}, 5,
    {"kind": "epoch", "epoch": 2, "wrapped": [[1, b"", b""]]}, {"kind": "removed", "model": NAME, "manifests": [3]}, {"kind": [1]}])
def test_malformed_changes_do_not_stop_the_rest(site, models, change):
    (a,) = writers(site, 1)
    a.record(committed(models[0]))
    a.record(change)
    done, files = site.restore(NAME)
    assert files == {"which": b"0"}
    assert done.stderr


def test_no_log_and_no_such_name(site, models):
    assert which(site) == -5
    (a,) = writers(site, 1)
    a.record(committed(models[0], "v1"), committed(models[1], "v2"))
    assert which(site, "lab/nothing") == -3
    assert which(site, NAME + ":v3") == -3
    assert which(site, NAME) == -3  # two tags, none of them latest
    assert "v1, v2" in site.restore(NAME)[0].stderr
    assert which(site, NAME + "@") == -3
    assert which(site, NAME + "@ffffffffffff") == -3


def test_too_little_left_names_the_stores_of_the_pool(site):
    data = {"w": site.random.randbytes(30_000)}
    manifest = site.pool.push(NAME, data)
    stores = [dict(store_added(i, "disk%d" % i), url="local:/mnt/%d" % i) for i in range(6)]
    (a,) = writers(site, 1)
    a.record(*stores)
    a.record(committed(manifest))
    done, _ = site.restore(NAME, stores=site.stores[:3])
    assert done.returncode == 5
    assert "disk1 of this pool, local:/mnt/1: given" in done.stderr
    assert "disk4 of this pool, local:/mnt/4: NOT given" in done.stderr


def store_added(number, name):
    return {"kind": "store_added", "store": bytes([number]) * 16, "name": name, "url": "local:/mnt/" + name, "domain": "d", "capacity": 0,
            "state": 0}


def store_removed(number):
    return {"kind": "store_removed", "store": bytes([number]) * 16}


def test_the_stores_that_are_named_are_those_that_the_order_leaves(site):
    a, b = writers(site, 2)
    a.record(store_added(1, "again"), store_added(2, "gone"), store_added(3, "kept"), store_added(4, "once"))
    a.record(store_removed(1), store_removed(2), store_added(4, "twice"))
    a.record(store_added(1, "again"), store_added(5, "turned"), store_removed(5), store_removed(6), store_added(6, "back"))
    b.record(store_removed(3))  # of what a wrote it had read nothing
    a.record(committed(site.pool.push(NAME, {"w": site.random.randbytes(30_000)})))
    done, _ = site.restore(NAME, stores=site.stores[:3])
    named = [line.split("store ")[1].split(" of this pool")[0] for line in done.stderr.splitlines() if "of this pool" in line]
    assert (done.returncode, named) == (5, ["again", "back", "kept", "twice"])


def test_two_stores_of_one_name_and_one_that_is_being_emptied(site):
    """The id of a store is what counts; the larger one is shown as name-2."""
    a, b = writers(site, 2)
    a.record(store_added(9, "usb"), dict(store_added(3, "disk"), state=1), dict(store_added(4, "odd"), state=7))
    b.record(store_added(5, "usb"))
    a.record(committed(site.pool.push(NAME, {"w": site.random.randbytes(30_000)})))
    done, _ = site.restore(NAME, stores=site.stores[3:5])
    told = [line.split("store ")[1] for line in done.stderr.splitlines() if "of this pool" in line]
    assert told == ["disk of this pool, local:/mnt/disk: given, draining", "odd of this pool, local:/mnt/odd: given, state 7",
                    "usb of this pool, local:/mnt/usb: NOT given", "usb-2 of this pool, local:/mnt/usb: NOT given"]


# Manifests that others replace


def again(site, model, i):
    """Another manifest of the revision i, which says in its card that it is the newer one."""
    entry = [site.pool.fragment_id(b"%d" % i), 1, 0, 0, b"%d" % i]
    manifest = site.pool.manifest(model["model"], [("which", b"%d" % i, 1)], [([], [entry])], {"card": {"description": "again"}})
    assert manifest["revision"] == model["revision"] and manifest["content"] != model["content"]
    return manifest


def contents(site, tag="latest"):
    """What lives, and what the tag points to, by content names."""
    pool = site.opened()
    return sorted(pool.models.get(NAME, {})), pool.tags.get((NAME, tag), {}).get("content")


def test_replaced(site, models):
    (a,) = writers(site, 1)
    old, new = models[0], again(site, models[0], 0)
    a.record(committed(old), committed(old, "second"))
    a.record(replaced(old, new))
    assert contents(site) == contents(site, "second") == ([new["content"]], new["content"])
    for name in ("content", "structure"):
        for path in site.objects(name):
            if path.name == old[name].hex():
                path.unlink()
    assert which(site) == which(site, "%s@%s" % (NAME, old["revision"].hex()[:9])) == 0
    assert "tags=latest,second" in listed(site)


def test_replaced_twice_and_by_two_at_once(site, models):
    a, b = writers(site, 2)
    names = [again(site, models[0], 0) for _ in range(4)]
    a.record(committed(models[0]), replaced(models[0], names[0]), replaced(names[0], names[1]))
    assert contents(site)[1] == names[1]["content"]
    first, second = a.record(replaced(names[1], names[2])), b.record(replaced(names[1], names[3]))
    larger = names[2 if first > second else 3]["content"]
    assert contents(site) == ([larger], larger)
    b.read(a)
    b.record(replaced(names[1], names[3]))
    assert contents(site)[1] == names[3]["content"]


def test_a_replacement_by_what_is_dead_does_not_count(site, models):
    (a,) = writers(site, 1)
    new = again(site, models[0], 0)
    a.record(committed(models[1]), committed(models[0]), replaced(models[0], new))
    a.record(removed(new))
    assert contents(site) == (sorted([models[0]["content"], models[1]["content"]]), models[0]["content"])
    a.record(removed(models[0]))
    assert contents(site) == ([models[1]["content"]], models[1]["content"])
    assert which(site) == 1


def test_a_removed_manifest_stands_for_nothing_whatever_replaced_it(site, models):
    (a,) = writers(site, 1)
    new = again(site, models[0], 0)
    a.record(committed(models[0]), replaced(models[0], new), removed(models[0]))
    assert contents(site) == ([], None)
    a.record(committed(new, "new"))
    assert contents(site, "new") == ([new["content"]], new["content"])


def test_replaced_of_another_revision_or_in_a_circle(site, models):
    a, b = writers(site, 2)
    a.record(committed(models[0]), replaced(models[0], models[1]))  # of another revision: does not count
    assert contents(site)[1] == models[0]["content"]
    one, two = again(site, models[0], 0), again(site, models[0], 0)
    b.record(committed(models[2]), replaced(one, two), replaced(two, one))
    assert contents(site)[0] == sorted([models[0]["content"], models[2]["content"]])
    a.record(replaced(models[0], one))
    assert contents(site) == ([models[2]["content"]], models[2]["content"])


# What this reader does not understand


def test_may_and_must_of_changes(site, models):
    (a,) = writers(site, 1)
    a.record({"kind": "sung", "may": True, "what": -1}, committed(models[0]))
    done, files = site.restore(NAME)
    assert (files, done.stderr) == ({"which": b"0"}, "") and not site.opened().read_only
    a.record({"kind": "sung", "may": True, "must": ["wings"]})
    assert site.opened().read_only  # whatever `may` says
    a.drop(2)
    a.record({"kind": "sung", "may": False})
    assert "unknown kind 'sung'" in site.run("list").stderr and site.opened().read_only
    a.record(dict(committed(models[1]), must=["leases", "wings"]), dict(committed(models[2], "x"), must=[]))
    done, files = site.restore(NAME)
    assert files == {"which": b"0"} and "a change committed can only be used by a reader that knows leases, wings" in done.stderr
    assert which(site, NAME + ":x") == 2


@pytest.mark.parametrize("where", ["record", "entry", "part", "checkpoint"])
def test_must_of_records_checkpoints_and_parts(site, models, where):
    a, b = writers(site, 2)
    a.record(committed(models[0]))
    b.read(a)
    must = {"must": ["wings"]}
    b.record(committed(models[1]), **(must if where == "record" else {}))
    if where == "entry":
        b.checkpoint(entries=[b.entries[0] + [["wings"]]])
    if where == "part":
        b.checkpoint(parts=[[1, b.part(b.entries, **must)]])
    if where == "checkpoint":
        b.checkpoint(**must)
    if where != "record":
        b.drop(1)
    done, files = site.restore(NAME)
    assert files == {"which": b"0"} and site.opened().read_only
    assert "can only be used by a reader that knows wings" in done.stderr


def test_junk_in_the_log_is_reported_and_fatal_to_nothing(site, models):
    (a,) = writers(site, 1)
    a.record(committed(models[0]))
    sound = site.objects("log")[0].read_bytes()
    another = Pool([site.base / "another"], site.random)
    for data, complaint in ((b"junk", "is too short"), (bytes(300), "is no log of format 1"), (sound[:-1], "has a wrong header"),
                            (sound[:-1] + b"\0", "does not open"), (sound[:4] + b"\2" + sound[5:], "is of format 2"),
                            (sound[:7] + b"\1" + sound[8:], "header that makes no sense"),
                            (sound[:6] + b"\7" + sound[7:], "suite"), (another.document_bytes(4, {"a": 1}), "belongs to another pool"),
                            (sound[:8] + b"\7" + sound[9:], "is of epoch 7"), (sound[:64] + bytes(32) + sound[96:], "whose key")):
        junk = a.put(4, data, seq=200)
        for store in site.stores[:-1]:
            (store / junk.relative_to(site.stores[-1])).unlink()
        done, files = site.restore(NAME)
        assert files == {"which": b"0"}
        assert complaint in done.stderr and str(junk) in done.stderr and str(site.stores[0]) not in done.stderr
        assert site.opened().read_only == (complaint in ("is of format 2", "suite", "belongs to another pool", "is of epoch 7", "whose key"))
        junk.unlink()
    junk = a.put(5, b"junk", seq=300)
    assert which(site) == 0 and junk.name in site.run("list").stderr
