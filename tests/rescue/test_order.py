"""The order of changes: section 9.3 word by word, compared with the quick way of the reader."""
import random
import time

import pytest

import rescue
from conftest import NAME, which, writers
from writer import Writer, committed, removed, untagged


def many_names(site):
    """Writers under names of chance, so that either hash would win somewhere."""
    for turn in range(6):
        yield turn, [Writer(site.pool, site.random.randbytes(16)) for _ in range(3)]


def test_an_untag_over_a_third_chain_holds(site, models):
    """C has read B, and B had read A's commit; A's store was away, so C never saw it. The tag is gone all the same."""
    for turn, (a, b, c) in many_names(site):
        tag = "t%d" % turn
        a.record(committed(models[0], tag))
        b.read(a)
        b.record(committed(models[1], tag))
        c.read(b)
        c.record(untagged(NAME, tag))
        assert set(c.entries[0][2]) == {a.name, b.name}
        assert which(site, "%s:%s" % (NAME, tag)) == -3


def test_a_commit_over_a_third_chain_is_the_later_one(site, models):
    """B has read A's commit and removes its own; C, which has read B alone, commits: whatever the hashes, C is after A."""
    for turn, (a, b, c) in many_names(site):
        tag = "t%d" % turn
        a.record(committed(models[0], tag))
        b.read(a)
        b.record(committed(models[1], tag), removed(site.pool.push(NAME, {"which": b"7"}, k=0)))
        b.record(removed(site.pool.push(NAME, {"which": b"8"}, k=0)))
        c.read(b)
        c.record(committed(models[2], tag))
        assert which(site, "%s:%s" % (NAME, tag)) == 2


def test_heads_are_differences(site, models):
    """What a chain has said of another it does not say again, and knows it for good, also past a checkpoint."""
    for turn, (a, b, _) in many_names(site):
        tag = "t%d" % turn
        a.record(committed(models[0], tag))
        b.read(a)
        b.record(committed(models[3], "other" + tag))
        b.record(committed(models[1], tag))
        assert [len(entry[2]) for entry in b.entries] == [1, 0]
        assert which(site, "%s:%s" % (NAME, tag)) == 1
        b.checkpoint(), b.drop(1), b.drop(2)
        assert which(site, "%s:%s" % (NAME, tag)) == 1


def test_twins_do_not_know_the_heads_of_each_other(site, models):
    """Of two records of one number one has read B's commit, the other, which has not, untags: B's commit holds. A later record ends it."""
    for turn, (a, b, _) in many_names(site):
        tag = "t%d" % turn
        b.record(committed(models[0], tag))
        a.record()
        twin = a.fork()
        a.read(b)
        a.record()
        twin.record(untagged(NAME, tag))
        assert which(site, "%s:%s" % (NAME, tag)) == 0
        twin.record(untagged(NAME, tag))
        assert which(site, "%s:%s" % (NAME, tag)) == -3


def test_both_twins_are_before_a_larger_number_of_either_branch(site, models):
    for turn, (a, _, _) in many_names(site):
        twin = a.fork()
        a.record(committed(models[0], "t%d" % turn))
        twin.record(committed(models[1], "t%d" % turn))
        last = a if turn % 2 else twin
        last.record(committed(models[2], "t%d" % turn))
        assert which(site, "%s:t%d" % (NAME, turn)) == 2


# The words of section 9.3, without any haste


def knows(records, record, other):
    return max(r.heads.get(other, 0) for r in records if r is record or r.writer == record.writer and r.seq < record.seq)


def before(records, a, b):
    if a[0] is b[0]:
        return a[1] < b[1]
    return a[0].seq < b[0].seq if a[0].writer == b[0].writer else knows(records, b[0], a[0].writer) >= a[0].seq


def latest(records, entries):
    last = [a for a in entries if not any(before(records, a, b) for b in entries if b is not a)]
    if not last:  # a ring
        last = [a for a in entries if not any(b[0].writer == a[0].writer and before(records, a, b) for b in entries if b is not a)]
    return max(last, key=lambda e: (e[0].hash, e[1]))


@pytest.mark.parametrize("forks", [0, 1, 3])
def test_the_quick_order_is_the_order(forks):
    rings = 0
    for seed in range(150):
        source = random.Random(seed)
        names = [bytes([i]) * 16 for i in range(3)]
        records = []
        for name in names:
            numbers = list(range(1, 6)) + [source.randrange(1, 6) for _ in range(forks)]
            records += [rescue.Record(name, seq, source.randbytes(32), None, {}, []) for seq in numbers]
        if not forks:  # heads go back in time alone
            source.shuffle(records)
            records.sort(key=lambda record: record.seq)
        for at, record in enumerate(records):
            for other in records[:at] if not forks else records:
                if other.writer != record.writer and source.random() < 0.12:
                    record.heads[other.writer] = max(record.heads.get(other.writer, 0), other.seq)
        order = rescue.Order(records)
        for record in records:
            for name in names:
                if name != record.writer:
                    assert order.knows(record, name) == knows(records, record, name)
        entries = [(record, place, (record.hash, place)) for record in records for place in range(source.randrange(3))]
        for _ in range(6):
            some = source.sample(entries, source.randrange(1, 8))
            ended = source.sample(entries, source.randrange(3))
            assert order.latest(some) == latest(records, some)[2]
            made = [a for a in some if not any(before(records, a, b) for b in ended)]
            assert order.standing(some, ended) == (latest(records, made)[2] if made else None)
            rings += all(any(before(records, a, b) for b in some) for a in some)
    assert bool(rings) == bool(forks)


def pool_of(records):
    pool = rescue.Pool.__new__(rescue.Pool)
    pool.records, pool.covered = records, {}
    return pool


@pytest.mark.parametrize("writers_count, models_count", [(1, 1), (3, 1000), (100, 30)])
def test_a_hundred_thousand_records_take_seconds(writers_count, models_count):
    names = [bytes([i]) * 16 for i in range(writers_count)]
    numbers, records = dict.fromkeys(names, 0), []
    for i in range(100_000):
        name = names[i % writers_count]
        heads = {other: seq for other in (names[(i * 7) % writers_count], names[(i * 5 + 1) % writers_count]) if other != name
                 for seq in [numbers[other]] if seq}
        numbers[name] += 1
        content = i.to_bytes(32, "big")
        tag = {"model": "lab/m%d" % (i % models_count), "tag": "latest"}
        manifest = {"model": tag["model"], "revision": bytes(20), "content": content, "structure": content}
        older = max(0, i - 2).to_bytes(32, "big")
        change = [dict(manifest, kind="committed", **tag), dict(tag, kind="untagged"), dict(manifest, kind="replaced", old=older),
                  {"kind": "condemned", "objects": [[1, content]], "grace": 0}][max(0, i % 10 - 6)]
        records.append(rescue.Record(name, numbers[name], content, None, heads, [change]))
    start = time.process_time()
    pool = pool_of(records)
    pool.report_gaps()
    pool.resolve()
    took = time.process_time() - start
    assert pool.models and pool.condemned and took < 10
