"""What checkpoints may leave out (9.5): any mixture of checkpoints and records must say the same as all records.

All histories of a few records, during which writers write checkpoints by what they know then. At the end a reader that takes
any of the checkpoints, and any one record that was left out and turns up again (9.6), is compared with one that has all records.
Bad: they see different manifests alive, tags, or condemned objects. A record that turns up again may condemn more.
"""
import itertools
from typing import NamedTuple

from pool import Pool, Record, knowledge, newest_heads
from search import explore, only_without, with_and_without

RULES = {
    "prepared_until_committed": "NEW: a prepared keeps its manifest alive until that is committed or dead",
    "committed_stays_until_dead": "9.5: a committed is left out when its manifest is dead, not when it is replaced",
    "replaced_stays_until_dead": "9.5: a replaced is left out when its old manifest is dead (or its new one, by NEW in replacing.py)",
    "removed_stays": "9.5: a removed is never left out",
    "untagged_stays": "9.5: an untagged is never left out",
    "condemned_stays_until_deleted": "9.5: a condemned is left out when a deleted names it",
    "spared_stays_with_its_condemned": "9.5: a spared goes only with the condemned that it names",
    "deleted_stays_for_other_chains": "NEW: a deleted that names a condemned of another chain stays",
    "heads_go_to_the_next": "9.5: the heads of a record that is left out go to the next that stays",
    "last_record_stays": "9.5: a record without a change goes, but for the last one",
}


class Sizes(NamedTuple):
    kinds: frozenset
    writers: int = 2
    records: int = 4
    checkpoints: int = 1


class State(NamedTuple):
    records: tuple
    checkpoints: tuple  # each (writer, how long the chain was, the (position, place) of changes that are left out)


class Checkpoints:
    def __init__(self, rules, sizes):
        self.rules, self.sizes = rules, sizes

    def run(self):
        return explore(State((), ()), self.moves, self.is_bad)

    def moves(self, state):
        records = state.records
        started = {r.writer for r in records}
        for w in range(min(len(started) + 1, self.sizes.writers)):
            own = [i for i, r in enumerate(records) if r.writer == w]
            has = knowledge(records, own)
            if len(state.checkpoints) < self.sizes.checkpoints and own and len(records) > 1:
                for known in {has, frozenset(range(len(records)))}:
                    left = frozenset(self.left_out(records, w, own, known))
                    if left or any(not records[i].changes for i in own):
                        yield f"writer {w} writes a checkpoint, knows {sorted(known)}, leaves out {sorted(left)}", \
                            state._replace(checkpoints=state.checkpoints + ((w, len(own), left),))
            if len(records) < self.sizes.records:
                yield from self.writes(state, w, has)

    def writes(self, state, w, has):
        records = state.records
        unread = [i for i in range(len(records)) if i not in has]
        for n in range(len(unread) + 1):
            for new in itertools.combinations(unread, n):
                known = knowledge(records, has | frozenset(new))
                said = {head for r in records if r.writer == w for head in r.heads}
                heads = tuple(head for head in newest_heads(records, known, w) if head not in said)
                for changes in self.changes(records, known, w):
                    record = Record(w, 1 + sum(r.writer == w for r in records), heads, known, changes)
                    yield f"writer {w} writes record {len(records)}: {changes}; knows {sorted(known)}", state._replace(records=records + (record,))

    def changes(self, records, known, w):
        kinds, fresh = self.sizes.kinds, f"m{len(records)}"
        pool = Pool(records, known)
        mine = [(i, c) for i in known if records[i].writer == w for c in records[i].changes]
        if "nothing" in kinds:
            yield ()
        if "prepared" in kinds:
            yield (("prepared", fresh),)
            done = {c[1] for _, c in mine if c[0] == "committed"} | pool.dead()
            yield from ((("committed", c[1]),) for _, c in mine if c[0] == "prepared" and c[1] not in done)
            yield from ((("removed", (c[1],)),) for _, c in mine if c[0] == "prepared" and c[1] not in done)
        if "committed" in kinds:
            yield (("committed", fresh),)
        if "untagged" in kinds and pool.committed():
            yield (("untagged",),)
        live = pool.live()
        if "replaced" in kinds:
            yield from ((("replaced", old, fresh),) for old in sorted(live))
        if "removed" in kinds:
            names = pool.committed() | {c[2] for _, _, c in pool.each("replaced")}
            yield from ((("removed", tuple(sorted({name} | {n for n in names if pool.stands_for(n) == name}))),) for name in sorted(live))
        if "condemned" in kinds:
            yield (("condemned", ("x", "y")),)
            mine = [i for i, c in mine if c[0] == "condemned"]
            yield from ((("spared", i, ("x",)),) for i in mine)
            yield from ((("deleted", (i,)),) for i, _, _ in pool.each("condemned"))
            if len(mine) > 1:
                yield (("deleted", tuple(mine)),)

    def left_out(self, records, w, own, known):
        """(position, place) of the changes that the checkpoint leaves out; place -1 stands for a record without a change."""
        pool, rules = Pool(records, known), self.rules
        dead = pool.dead()
        committed = {c[1] for i in own for c in records[i].changes if c[0] == "committed"}
        deleted = {record for _, _, change in pool.each("deleted") for record in change[1]}
        gone = {i for i in own if i in deleted or not rules.condemned_stays_until_deleted}

        def replaced(name):
            return not rules.committed_stays_until_dead and pool.stands_for(name) != name
        for i in own:
            for place, change in enumerate(records[i].changes):
                kind = change[0]
                if kind == "prepared" and (change[1] in committed or change[1] in dead) or \
                        kind == "committed" and (change[1] in dead or replaced(change[1])) or \
                        kind == "replaced" and (dead.intersection(change[1:]) or not rules.replaced_stays_until_dead) or \
                        kind == "removed" and not rules.removed_stays or \
                        kind == "untagged" and not rules.untagged_stays or \
                        kind == "condemned" and i in gone or \
                        kind == "spared" and (change[1] in gone or not rules.spared_stays_with_its_condemned) or \
                        kind == "deleted" and (gone.issuperset(change[1]) or not rules.deleted_stays_for_other_chains):
                    yield i, place

    def reader(self, state, checkpoints, again=None):
        """What a reader has that takes these checkpoints, and the record `again` though it was left out."""
        records = state.records
        kept, heads, changes = set(range(len(records))), {}, {}
        for w, length, left in checkpoints:
            chain = [i for i, r in enumerate(records) if r.writer == w][:length]
            carried = ()
            for i in chain:
                stay = tuple(c for place, c in enumerate(records[i].changes) if (i, place) not in left)
                if not stay and (i != chain[-1] or not self.rules.last_record_stays):
                    kept.discard(i)
                    if self.rules.heads_go_to_the_next:
                        carried += records[i].heads
                else:
                    heads[i], changes[i], carried = records[i].heads + carried, stay, ()
        if again is not None:
            kept.add(again)
            changes[again] = records[again].changes
        return Pool(records, kept, heads={i: h for i, h in heads.items() if i in kept}, changes=changes)

    def view(self, pool):
        return pool.live() | pool.prepared_alive(self.rules.prepared_until_committed), pool.tag_candidates(), pool.condemned()

    def is_bad(self, state):
        if not state.checkpoints:
            return False
        true = self.view(self.reader(state, ()))
        for n in range(1, len(state.checkpoints) + 1):
            for some in itertools.combinations(state.checkpoints, n):
                if self.view(self.reader(state, some)) != true:
                    return True
                for again in {i for _, _, left in some for i, _ in left}:
                    seen = self.view(self.reader(state, some, again))
                    if seen[:2] != true[:2] or not seen[2] >= true[2]:
                        return True
        return False


def checks(nightly):
    def runs(*kinds, **sizes):
        return lambda rules: Checkpoints(rules, Sizes(frozenset(kinds), **sizes)).run()

    def both(title, run, without=()):
        return with_and_without("checkpoints", RULES, title, run, without)
    yield from both("manifests that are replaced and removed", runs("committed", "replaced", "removed"),
                    ["committed_stays_until_dead", "replaced_stays_until_dead", "removed_stays"])
    yield from both("pushes that are prepared, committed, withdrawn, replaced", runs("prepared", "replaced"), ["prepared_until_committed"])
    yield from both("objects that are condemned, spared, deleted", runs("condemned", records=4, checkpoints=2),
                    ["condemned_stays_until_deleted", "spared_stays_with_its_condemned", "deleted_stays_for_other_chains"])
    yield from both("tags, and records without a change", runs("nothing", "committed", "untagged", writers=3),
                    ["untagged_stays", "heads_go_to_the_next"])
    yield from only_without("checkpoints", RULES, "the same, two writers", runs("nothing", "committed", records=3),
                            ["last_record_stays"])
    if nightly:
        yield from both("manifests, five records", runs("committed", "replaced", "removed", records=5, checkpoints=2))
        yield from both("pushes, five records", runs("prepared", "replaced", "removed", records=5))
        yield from both("objects, five records", runs("condemned", records=5, checkpoints=2))
