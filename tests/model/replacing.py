"""`replaced`: manifests of one revision that take the place of others, beside tags and rm (9.2 and 9.4). All histories of a few records.

Each step one writer, having read any of the records it had not read, does one of: a push of the same files (`committed` of new
bytes, and, if it likes, in the same record `replaced` of a manifest that it knows); a rekey or repack
(`replaced` of a live manifest by a new one); an rm of the revision (`removed`). With `withdrawals`, a rekey writes `prepared` first, and a
user who has not seen it end may say that it is lost.
Bad: a commit that an rm knew stands for something; a commit that no rm knew stands for nothing; or a manifest becomes live that
was garbage before, so a collector may have deleted it.
"""
import itertools
from typing import NamedTuple

from pool import Pool, Record, knowledge, newest_heads
from search import explore, with_and_without

RULES = {
    "removed_before_replaced": "9.4: a dead name stands for nothing, whatever replaces it",
    "rm_names_what_stands_for_it": "9.4: a removed names the manifests and all that stand for them",
    "replaced_does_not_commit": "9.4: a manifest is live when a committed stands for it",
    "dead_replacement_is_passed_over": "NEW: a replaced whose new manifest is dead does not count; so the old one stands for itself",
    "replaced_with_its_commit": "NEW: a push adds `replaced` in the record of its `committed`, not later",
}


class Sizes(NamedTuple):
    writers: int = 3
    records: int = 4
    larger_hash_first: bool = False
    withdrawals: bool = False


class History(NamedTuple):
    records: tuple
    garbage: frozenset  # content names that were not live after some record


class Replacing:
    def __init__(self, rules, sizes):
        self.rules, self.sizes = rules, sizes

    def start(self):
        first = Record(0, 1, (), frozenset(), (("committed", "m0"),))
        return History((first,), frozenset())

    def run(self):
        return explore(self.start(), self.moves, self.is_bad)

    def pool(self, records, kept=None):
        hash_of = (lambda i: -i) if self.sizes.larger_hash_first else (lambda i: i)
        return RuledPool(records, kept, self.rules, hash_of=hash_of)

    def live(self, pool):
        names = set(pool.committed())
        if not self.rules.replaced_does_not_commit:
            names |= {change[2] for _, _, change in pool.each("replaced")}
        return {stands for name in names if (stands := pool.stands_for(name)) is not None}

    def moves(self, history):
        records = history.records
        if len(records) == self.sizes.records:
            return
        started = {r.writer for r in records}
        for w in range(min(len(started) + 1, self.sizes.writers)):
            own = frozenset().union(*({i} | r.read for i, r in enumerate(records) if r.writer == w)) if w in started else frozenset()
            unread = [i for i in range(len(records)) if i not in own]
            for n in range(len(unread) + 1):
                for new in itertools.combinations(unread, n):
                    known = knowledge(records, own | frozenset(new))
                    for changes in self.changes(records, known, w):
                        record = Record(w, 1 + sum(r.writer == w for r in records), newest_heads(records, known, w), known, changes)
                        grown = records + (record,)
                        names = self.named(records)
                        yield f"writer {w} writes record {len(records)}: {changes}; knows {sorted(known)}", \
                            History(grown, history.garbage if self.sizes.withdrawals else history.garbage | (names - self.live(self.pool(records))))

    def named(self, records):
        return {change[1] for r in records for change in r.changes if change[0] == "committed"} | \
            {change[2] for r in records for change in r.changes if change[0] == "replaced"}

    def changes(self, records, known, w):
        pool = self.pool(records, known)
        live, fresh = self.live(pool), f"m{len(records)}"
        if self.sizes.withdrawals:
            yield (("prepared", fresh),)
            ended = {change[2] for _, _, change in pool.each("replaced")} | pool.dead()
            for i, _, change in pool.each("prepared"):
                if change[1] not in ended:
                    yield (("removed", (change[1],), "as lost"),)
                    if records[i].writer == w:
                        yield from ((("replaced", old, change[1]),) for old in sorted(live))
        yield (("committed", fresh),)
        for old in sorted(live):
            if not self.sizes.withdrawals:
                yield (("replaced", old, fresh),)
            yield (("committed", fresh), ("replaced", old, fresh))
            if not self.rules.replaced_with_its_commit:
                mine = {c[1] for i, r in enumerate(records) if r.writer == w for c in r.changes if c[0] == "committed"}
                for name in sorted(mine & live - {old}):
                    yield (("replaced", old, name),)
        if live:
            names = set(live)
            if self.rules.rm_names_what_stands_for_it:
                names |= {n for n in self.named([records[i] for i in known]) if pool.stands_for(n) in live}
            yield (("removed", tuple(sorted(names))),)

    def is_bad(self, history):
        records = history.records
        pool = self.pool(records)
        live = self.live(pool)
        if live & history.garbage:
            return True
        removals = [i for i, _, change in pool.each("removed") if len(change) == 2]
        stay = set()
        for i, _, change in pool.each("committed"):
            stands = pool.stands_for(change[1])
            if any(i in records[q].read for q in removals) != (stands is None):
                return True
            stay.add(stands)
        return live != stay - {None}


class RuledPool(Pool):
    """With rules taken out, a name may stand for what replaces it though it is dead."""

    @property
    def passes_over_dead_replacements(self):
        return self.rules.dead_replacement_is_passed_over

    def stands_for(self, name, dead=None, way=()):
        dead = self.dead() if dead is None else dead
        if not self.rules.removed_before_replaced:
            replaced = {change[1] for _, _, change in self.each("replaced")}
            dead = {n for n in dead if n not in replaced}
        return super().stands_for(name, dead, way)


def checks(nightly):
    def runs(**sizes):
        return lambda rules: Replacing(rules, Sizes(**sizes)).run()

    def both(title, without=(), **sizes):
        return with_and_without("replacing", RULES, title, runs(**sizes), without)
    yield from both("pushes, rekeys and rm by three writers, four records",
                    ["removed_before_replaced", "rm_names_what_stands_for_it", "replaced_does_not_commit", "replaced_with_its_commit"])
    yield from both("the same, concurrent records the other way round", larger_hash_first=True)
    yield from both("a rekey that is withdrawn as lost", ["dead_replacement_is_passed_over"], withdrawals=True, writers=2)
    if nightly:
        yield from both("two writers, five records", records=5, writers=2)
