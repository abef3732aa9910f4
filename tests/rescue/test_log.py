"""What the log says: tags, order, checkpoints, removals, epochs."""
import itertools

import pytest

from conftest import CODE, flip
from writer import Writer, committed, prepared, removed, untagged

NAME = "lab/net"


@pytest.fixture
def models(site):
    """Four revisions that lie in their manifests; the only file says which one it is."""
    return [site.pool.push(NAME, {"which": b"%d" % i}, k=0) for i in range(4)]


def which(site, name=NAME):
    """The revision that comes back under the name, or the exit code."""
    done, files = site.restore(name)
    assert "Traceback" not in done.stderr
    return int(files["which"]) if files else -done.returncode


def writers(site, count):
    return [Writer(site.pool, bytes([65 + i]) * 16) for i in range(count)]


def listed(site):
    done = site.run("list")
    assert done.returncode == 0, done.stderr
    return done.stdout


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
        b.heads = {}
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
    assert "two records have the number 1" in done.stderr
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
    {"kind": "epoch", "epoch": 2, "nonce": b"", "wrapped": b""}, {"kind": "removed", "model": NAME, "manifests": [3]}, {"kind": [1]}])
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


# Checkpoints


def test_newest_checkpoint_and_what_follows(site, models):
    (a,) = writers(site, 1)
    for model in models[:3]:
        a.record(committed(model))
    a.checkpoint()
    for seq in (1, 2, 3):
        a.drop(seq)
    done, files = site.restore(NAME)
    assert files == {"which": b"2"} and done.stderr == ""
    a.record(committed(models[3]))
    done, files = site.restore(NAME)
    assert files == {"which": b"3"} and done.stderr == ""


def test_what_a_checkpoint_left_out_does_not_come_back(site, models):
    """A commit and its removal were left out; an old store still has the commit's record and an older checkpoint."""
    (a,) = writers(site, 1)
    a.record(committed(models[0]))
    a.record(committed(models[1]))
    a.checkpoint()
    a.record(removed(models[1]))
    a.checkpoint(entries=a.entries[:1])
    a.drop(3)
    done, files = site.restore(NAME)
    assert files == {"which": b"0"} and done.stderr == ""


def test_an_older_checkpoint_serves_when_the_newest_is_damaged(site, models):
    (a,) = writers(site, 1)
    a.record(committed(models[0]))
    a.checkpoint()
    a.drop(1)
    a.record(committed(models[1]))
    newest = a.checkpoint()
    for store in site.stores:
        flip(store / "mf1/checkpoint" / a.name.hex() / newest.name, 130)
    done, files = site.restore(NAME)
    assert files == {"which": b"1"}
    assert newest.name in done.stderr
    a.drop(2)
    assert which(site) == 0


def test_checkpoints_keep_the_order_between_writers(site, models):
    for turn in range(4):
        a, b = Writer(site.pool, site.random.randbytes(16)), Writer(site.pool, site.random.randbytes(16))
        a.record(committed(models[0], "t%d" % turn))
        b.read(a)
        b.record(committed(models[1], "t%d" % turn))
        for writer in (a, b):
            writer.checkpoint()
            writer.drop(1)
        assert which(site, "%s:t%d" % (NAME, turn)) == 1


def test_concurrent_commits_in_checkpoints_go_by_their_records_hashes(site, models):
    a, b = writers(site, 2)
    first, second = a.record(committed(models[0])), b.record(committed(models[1]))
    for writer in (a, b):
        writer.checkpoint()
        writer.drop(1)
    assert which(site) == (0 if first > second else 1)


@pytest.mark.parametrize("entries", [5, [5], [[1, bytes(32), {}, 0]], [[1, bytes(3), {}, 0, []]], [[1, bytes(32), {b"a": []}, 0, []]]])
def test_malformed_checkpoints_are_passed_over(site, models, entries):
    (a,) = writers(site, 1)
    a.record(committed(models[0]))
    a.checkpoint(entries=entries)
    done, files = site.restore(NAME)
    assert files == {"which": b"0"}
    assert done.stderr


def test_a_checkpoint_under_a_wrong_name_is_ignored(site, models):
    (a,) = writers(site, 1)
    a.record(committed(models[0]))
    data = a.checkpoint(entries=[]).read_bytes()
    for path in site.objects("checkpoint"):
        path.unlink()
    a.put(5, data, seq=7)
    done, files = site.restore(NAME)
    assert files == {"which": b"0"}
    assert "another writer or number" in done.stderr


def test_too_little_left_names_the_stores_of_the_pool(site):
    data = {"w": site.random.randbytes(30_000)}
    manifest = site.pool.push(NAME, data)
    stores = [{"kind": "store_added", "store": bytes([i]) * 16, "name": "disk%d" % i, "url": "local:/mnt/%d" % i, "domain": "d", "capacity": 0}
              for i in range(6)]
    (a,) = writers(site, 1)
    a.record(*stores)
    a.record(committed(manifest))
    done, _ = site.restore(NAME, stores=site.stores[:3])
    assert done.returncode == 5
    assert "disk1 of this pool, local:/mnt/1: given" in done.stderr
    assert "disk4 of this pool, local:/mnt/4: NOT given" in done.stderr


def store_added(number, name):
    return {"kind": "store_added", "store": bytes([number]) * 16, "name": name, "url": "local:/mnt/" + name, "domain": "d", "capacity": 0}


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


# Epochs


def test_three_epochs_from_the_newest_slot(site):
    (a,) = writers(site, 1)
    data = site.random.randbytes(40_000)
    for slot in site.objects("slot"):
        slot.unlink()
    for epoch in (1, 2, 3):
        a.record(committed(site.pool.push(NAME, {"w": data, "e": b"%d" % epoch}), tag="e%d" % epoch))
        a.record(committed(site.pool.push(NAME, {"w": data[:99], "e": b"%d" % epoch}, k=0), tag="i%d" % epoch))
        if epoch < 3:
            a.record(site.pool.new_epoch())
    site.pool.slot(1, CODE)
    for epoch in (1, 2, 3):
        done, files = site.restore("%s:e%d" % (NAME, epoch))
        assert files == {"w": data, "e": b"%d" % epoch}
        assert done.stderr == ""
        assert site.restore("%s:i%d" % (NAME, epoch))[1] == {"w": data[:99], "e": b"%d" % epoch}


def test_packs_of_two_epochs_in_one_segment(site):
    (a,) = writers(site, 1)
    old, new = site.random.randbytes(500), site.random.randbytes(600)
    from writer import raw

    one, first = site.pool.pack([(old, raw)], 1, 2)
    a.record(site.pool.new_epoch())
    site.pool.slot(1, CODE)
    two, second = site.pool.pack([(new, raw)], 2, 1)
    fragments = [e[:4] + [p] + e[5:] for p, entries in enumerate((first, second)) for e in entries.values()]
    a.record(committed(site.pool.manifest(NAME, [("w", old + new, 2)], [([one, two], fragments)])))
    assert site.restore(NAME)[1] == {"w": old + new}


def test_a_slot_of_an_old_epoch_gives_what_it_can(site, models):
    (a,) = writers(site, 1)
    a.record(committed(models[0]))
    a.record(site.pool.new_epoch())
    a.record(committed(models[1]))
    done, files = site.restore(NAME)
    assert files == {"which": b"0"}
    assert "is of epoch 2, whose key this secret does not give" in done.stderr


def test_a_wrapped_key_that_does_not_open_is_told(site, models):
    (a,) = writers(site, 1)
    a.record(committed(models[0]))
    change = site.pool.new_epoch()
    for slot in site.objects("slot"):
        slot.unlink()
    site.pool.slot(1, CODE)
    a.record(dict(change, wrapped=bytes(48)))
    done = site.run("list")
    assert "the key of epoch 1 does not open" in done.stderr
