"""Checkpoints, their parts, and what their writers delete: sections 9.5 and 9.6 of the page."""
import pytest

from conftest import NAME, flip, listed, which, writers
from writer import H, Writer, committed, condemned, deleted, prepared, removed, spared, untagged


def names(site, kind, writer=None):
    """The names of a type that any store lists, of a writer."""
    return sorted({path.name for path in site.objects(kind) if writer is None or path.parent.name == writer.name.hex()})


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
    (a,) = writers(site, 1)
    a.record(committed(models[0]))
    a.record(committed(models[1]))
    a.checkpoint()
    a.record(removed(models[1]))
    a.checkpoint()
    assert [entry[0] for entry in a.kept_entries()] == [1, 3]
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


def test_what_left_out_records_knew_is_in_the_next_one(site, models):
    """B's record without a change had read A's commit; the checkpoint does not have it, and yet B's commit is the later one."""
    for turn in range(4):
        a, b = Writer(site.pool, site.random.randbytes(16)), Writer(site.pool, site.random.randbytes(16))
        a.record(committed(models[0], "t%d" % turn))
        b.read(a)
        b.record()
        b.record(committed(models[1], "t%d" % turn))
        b.checkpoint()
        assert [entry[0] for entry in b.kept_entries()] == [2]
        b.drop(1), b.drop(2)
        done, files = site.restore("%s:t%d" % (NAME, turn))
        assert files == {"which": b"1"} and done.stderr == ""


# Parts


def many(site, writer, count, **checkpoint):
    """Commits of so many models, with a checkpoint after every fourth."""
    for i in range(count):
        writer.record(committed(site.pool.push("lab/m%d" % i, {"which": b"%d" % i}, k=0)))
        if i % 4 == 3:
            writer.checkpoint(**checkpoint)


def test_a_part_that_two_checkpoints_share(site):
    (a,) = writers(site, 1)
    many(site, a, 12, limit=700)
    (_, _, older), (_, _, newer) = a.checkpoints[-2:]
    shared = {name for name, _ in older.values()} & {name for name, _ in newer.values()}
    assert len(shared) >= 2 and len(newer) > len(older) > 2
    before = names(site, "part")
    a.delete_own()
    assert len(names(site, "log")) == 4 and len(names(site, "checkpoint")) == 2 and len(names(site, "part")) < len(before)
    done = site.run("list")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(line.split()[0] for line in done.stdout.splitlines()) == sorted("lab/m%d" % i for i in range(12))
    assert which(site, "lab/m0") == 0 and which(site, "lab/m11") == 11


def test_no_more_is_opened_than_has_to_be(site):
    """Every listed checkpoint, the parts of the newest, and the records that none of them names."""
    (a,) = writers(site, 1)
    many(site, a, 14, limit=700)
    opened = {path.split("/")[1] + path.split("/")[3][:16] for path in site.opened().opened}
    assert {"log%016x" % 13, "log%016x" % 14} == {name for name in opened if name.startswith("log")}
    assert {name for name in opened if name.startswith("part")} == {"part%016x" % last for last in a.checkpoints[-1][2]}
    assert len(opened) == 2 + 3 + len(a.checkpoints[-1][2])


def test_folders_of_google_drive_with_parts(site):
    (a,) = writers(site, 1)
    many(site, a, 8, limit=700)
    a.delete_own()
    for store in site.stores:
        for kind in ("log", "checkpoint", "part"):
            folder = store / "mf1" / kind / a.name.hex()
            for path in folder.iterdir():
                path.rename(folder.parent / ("%s-%s" % (folder.name, path.name)))
            folder.rmdir()
    done = site.run("list")
    assert (done.returncode, done.stderr, done.stdout.count("lab/m")) == (0, "", 8)


def test_a_missing_part_of_an_out_of_date_checkpoint_is_passed_over(site):
    """A store that was away still lists the first checkpoint, whose part is gone everywhere."""
    (a,) = writers(site, 1)
    many(site, a, 16)
    first = a.checkpoints[0]
    a.delete_own(site.stores[1:])
    a.delete_own()
    data = next(data for data in [site.pool.document_bytes(5, {  # as it was, but for its salt; the second one is gone, so nobody names it
        "writer": a.name, "seq": first[0], "hash": a.hashes[4], "stores": [], "records": [a.hashes[n] for n in range(1, 5)],
        "parts": [[last, name] for last, (name, _) in first[2].items()]})])
    a.put(5, data, first[0])
    done = site.run("list")
    assert (done.returncode, done.stderr, done.stdout.count("lab/m")) == (0, "", 16)


def test_a_checkpoint_that_lacks_a_part_names_nothing(site):
    (a,) = writers(site, 1)
    many(site, a, 12, limit=700)
    newest = a.checkpoints[-1][2]
    only = next(name for last, (name, _) in newest.items() if last > 8)
    for path in site.objects("part"):
        if path.name.endswith(only.hex()):
            path.unlink()
    done = site.run("list")  # by the one before and the records that are still there
    assert (done.returncode, done.stdout.count("lab/m")) == (0, 12)
    assert "the checkpoint at 12 lacks the parts" in done.stderr and only.hex() in done.stderr
    for seq in range(9, 13):
        a.drop(seq)
    assert 8 <= listed(site).count("lab/m") < 12


# Forks


def test_a_revision_of_the_other_branch_below_a_checkpoint_is_found(site, models):
    """A home was copied: both go on as one writer, and the checkpoint of one knows nothing of the other's record."""
    (a,) = writers(site, 1)
    a.record(committed(models[0], "common"))
    twin = a.fork()
    a.record(committed(models[1], "here"))
    twin.record(committed(models[2], "there"))
    a.record(committed(models[3], "later"))
    a.checkpoint()
    for kept in (True, False):
        done = site.run("list")
        assert [which(site, "%s:%s" % (NAME, tag)) for tag in ("common", "here", "there", "later")] == [0, 1, 2, 3]
        assert "a fork: 2 records have the number 2" in done.stderr
        for entry in a.entries if kept else ():
            for path in site.objects("log"):
                if path.name.endswith(entry[1].hex()):
                    path.unlink()


def test_two_checkpoints_of_two_branches(site, models):
    (a,) = writers(site, 1)
    a.record(committed(models[0], "common"))
    a.checkpoint()
    twin = a.fork()
    a.record(committed(models[1], "here"))
    twin.record(committed(models[2], "there"))
    twin.checkpoint()
    a.record(committed(models[3], "later"))
    a.checkpoint()
    for path in site.objects("log"):
        path.unlink()
    assert [which(site, "%s:%s" % (NAME, tag)) for tag in ("common", "here", "there", "later")] == [0, 1, 2, 3]
    assert "a fork: 2 records have the number 2" in site.run("list").stderr


def test_what_one_branch_deleted_of_the_time_before_the_fork(site):
    """The other branch's checkpoint then lacks a part, and a larger one hides it: the parts that are left still count."""
    (a,) = writers(site, 1)
    manifests = [site.pool.push("lab/m%d" % i, {"which": b"%d" % i}, k=0) for i in range(5)]
    a.record(committed(manifests[0]), committed(manifests[1]))
    a.checkpoint()
    twin = a.fork()
    twin.record(committed(manifests[2]))
    twin.checkpoint(limit=300)
    twin.record()
    twin.checkpoint(limit=300)
    a.record(removed(manifests[0]))
    a.record(committed(manifests[3]))
    a.checkpoint()
    a.record(committed(manifests[4]))
    a.checkpoint()
    twin.delete_own(), a.delete_own()
    assert not any(name == a.checkpoints[0][2][1][0].hex() for name in names(site, "part"))
    assert [which(site, "lab/m%d" % i) for i in range(5)] == [-3, 1, 2, 3, 4]


# What comes back from a store that was away


def test_a_stale_record_on_a_store_that_missed_the_deletion(site, models):
    (a,) = writers(site, 1)
    a.record(prepared(models[0]))
    a.record(committed(models[0]), committed(models[1], "other"))
    a.checkpoint()
    a.record(untagged(NAME))
    a.record(committed(models[2]), removed(models[1]))
    a.checkpoint()
    a.record(committed(models[3], "last"))
    a.checkpoint()
    expected = listed(site)
    a.delete_own(site.stores[1:])
    for stores in (site.stores, site.stores[:1], site.stores[1:]):
        done = site.run("list", stores=stores)
        assert (done.stdout, done.stderr) == (expected, "")
    assert len(names(site, "log")) == 5
    a.delete_own(site.stores[:1])
    assert len(names(site, "log")) == 1 and listed(site) == expected


def test_deletion_that_stopped_half_way(site, models):
    (a,) = writers(site, 1)
    many(site, a, 12, limit=700)
    expected = listed(site)
    for most in range(1, 20):
        a.delete_own(most=most)
        done = site.run("list")
        assert (done.stdout, done.stderr) == (expected, "")


def test_gaps_are_those_that_no_checkpoint_covers(site, models):
    a, b = writers(site, 2)
    for model in models:
        a.record(committed(model))
    a.checkpoint()
    for _ in range(3):
        a.record()
    b.read(a)
    b.record()
    for seq in (1, 2, 3, 4, 6):
        a.drop(seq)
    assert "records 6 to 6 are missing" in site.run("list").stderr and "records 1" not in site.run("list").stderr
    a.drop(7)
    assert "records 6 to 7 are missing" in site.run("list").stderr


# What cannot be used


@pytest.mark.parametrize("change", [{"parts": 5}, {"parts": [5]}, {"parts": [[1, b"short"]]}, {"records": 5}, {"records": [b"x"]}, {"before": 5},
                                    {"before": [1, 2]}, {"must": 5}, {"must": [5]}])
def test_malformed_checkpoints_are_passed_over(site, models, change):
    (a,) = writers(site, 1)
    a.record(committed(models[0]))
    a.checkpoint(**change)
    done, files = site.restore(NAME)
    assert files == {"which": b"0"}
    assert done.stderr


@pytest.mark.parametrize("entries", [5, [5], [[1, bytes(32), {}, 0]], [[1, bytes(3), {}, 0, []]], [[1, bytes(32), {b"a": []}, 0, []]],
                                     [[1, bytes(32), {}, 0, [], [], 0]], [[1, bytes(32), {}, 0, [], 5]]])
def test_malformed_parts_are_passed_over(site, models, entries):
    (a,) = writers(site, 1)
    a.record(committed(models[0]))
    data = site.pool.document_bytes(8, {"writer": a.name, "seq": 1, "records": entries})
    a.put(8, data)
    a.checkpoint(parts=[[1, H(data)]])
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


# Condemned


def test_what_is_condemned(site, models):
    a, b = writers(site, 2)
    a.record(committed(models[0]))
    objects = [(1, bytes([i]) * 32) for i in range(5)]
    first = a.record(condemned(*objects[:3], (*objects[3], b"s" * 16)))
    assert site.condemned() == sorted([*((*entry, None) for entry in objects[:3]), (*objects[3], b"s" * 16)], key=str)
    b.read(a)
    b.record(spared(first, objects[0]))  # another writer's does not count
    a.record(spared(first, objects[1]), spared(bytes(32), objects[2]), spared(first, objects[3]))
    second = b.record(condemned(objects[0], objects[4]))
    assert {entry[1][0] for entry in site.condemned()} == {0, 2, 3, 4}
    a.record(deleted(first))
    assert {entry[1][0] for entry in site.condemned()} == {0, 4}
    a.checkpoint()
    assert len(a.kept_entries()) == 3  # but for the records of the commit, the sparing of what is not the own, and the last
    a.checkpoint(), a.delete_own()
    assert {entry[1][0] for entry in site.condemned()} == {0, 4}
    b.record(deleted(second))
    assert site.condemned() == []
