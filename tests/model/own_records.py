"""Reading a chain by checkpoints, parts and records (9.5), while its writer deletes what is old (9.6), also when its home was copied.

Two stores of two domains, N = 1: a record is durable when both have it, and then must be seen by who reads any one of them. A store
may be away meanwhile, and keeps what was deleted elsewhere. A part has two records; checkpoints share parts. A reader may list
first and read later. Nothing is left out here: see checkpoints.py.
Bad: a reader of one store, or of both, misses a durable record.

An object is ("record", line), ("part", lines) or ("checkpoint", line, cuts): a line is the records of a branch, each named by its home;
cuts are the numbers at which its checkpoints were written.
"""
from typing import NamedTuple

from search import explore, with_and_without

RULES = {
    "records_of_any_number": "9.5: a reader takes every listed record that no checkpoint names, whatever its number",
    "all_ends_are_taken": "9.5: every listed checkpoint that no other names, with a fork several",
    "names_count_with_parts": "9.5: the names in a checkpoint, also that of the one before, count once it has all of its parts",
    "listed_everywhere": "9.6: a checkpoint is listed on every store before its writer deletes",
    "a_day": "9.6: for 24 hours",
    "lists_again": "9.6, NEW: a reader to whom a listed object is gone lists again",
    "only_what_is_covered": "9.6: only records that a checkpoint covers (the page says: up to the one before the newest)",
    "shared_parts_stay": "9.6: of parts only those that neither of the two checkpoints names",
    "only_its_own": "9.6: it deletes what it wrote itself, nothing of another branch",
}
STORES = (0, 1)


class Sizes(NamedTuple):
    records: int = 4  # of each home
    checkpoints: int = 3
    copied: bool = False
    away: bool = True
    reader: bool = False  # one that lists first and reads later


class Home(NamedTuple):
    line: tuple
    cuts: tuple
    confirmed: int  # how many checkpoints had been written when the newest was listed everywhere
    retired: bool = False  # it has found the other branch, and goes on as a new writer elsewhere


class State(NamedTuple):
    stores: tuple  # per store, a frozenset of objects
    online: tuple
    homes: tuple
    durable: frozenset  # records (lines)
    listing: frozenset | None  # of a reader of store 0


def parts_of(line):
    return [("part", line[:i], line[:min(i + 2, len(line))]) for i in range(0, len(line), 2)]


def checkpoint_of(line, cuts):
    return ("checkpoint", line[:cuts[-1]], cuts)


def named_by(checkpoint):
    """(the checkpoint before, the records since then)"""
    _, line, cuts = checkpoint
    since = cuts[-2] if len(cuts) > 1 else 0
    before = ("checkpoint", line[:since], cuts[:-1]) if since else None
    return before, {("record", line[:n]) for n in range(since + 1, len(line) + 1)}


class OwnRecords:
    def __init__(self, rules, sizes):
        self.rules, self.sizes = rules, sizes

    def run(self):
        home = Home((), (), 0)
        return explore(State((frozenset(),) * 2, (True, True), (home,), frozenset(), None), self.moves, self.is_bad)

    def moves(self, s):
        if self.sizes.away:
            if all(s.online):
                yield "store 1 goes away", s._replace(online=(True, False))
            if not s.online[1]:
                yield "store 1 is back", s._replace(online=(True, True))
        if self.sizes.copied and len(s.homes) == 1 and s.homes[0].line:
            yield "the home is copied", s._replace(homes=s.homes * 2)
        if self.sizes.reader and s.listing is None:
            yield "a reader lists store 0", s._replace(listing=s.stores[0])
        for h, home in enumerate(s.homes):
            if not home.retired:
                yield from self.home_moves(s, h, home)

    def home_moves(self, s, h, home):
        def to(changed, stores=None, **more):
            stores = s.stores if stores is None else stores
            both = {o[1] for o in stores[0] & stores[1] if o[0] == "record"}
            return s._replace(homes=s.homes[:h] + (changed,) + s.homes[h + 1:], stores=stores, durable=s.durable | both, **more)
        if len(home.line) < self.sizes.records:
            line = home.line + (h,)
            yield f"home {h} writes record {len(line)}", to(home._replace(line=line), self.put(s, {("record", line)}))
        if len(home.cuts) < self.sizes.checkpoints and home.line and (not home.cuts or home.cuts[-1] < len(home.line)):
            cuts = home.cuts + (len(home.line),)
            changed, checkpoint = home._replace(cuts=cuts), checkpoint_of(home.line, cuts)
            yield f"home {h} writes a checkpoint at {cuts[-1]}", to(changed, self.put(s, {checkpoint, *parts_of(home.line)}))
            yield f"home {h} writes a checkpoint at {cuts[-1]}, and pauses before its parts", to(changed, self.put(s, {checkpoint}))
        if all(s.online):
            wanted = self.wanted(home)
            if any(wanted - objects for objects in s.stores):
                yield f"home {h} puts to each store what it lacks", to(home, tuple(objects | wanted for objects in s.stores))
        if home.cuts and home.confirmed < len(home.cuts):
            yield from self.confirm(s, h, home, to)
        if home.confirmed and home.confirmed == len(home.cuts):
            for one in self.may_delete(s, home):
                yield f"home {h} deletes {one[0]} {len(one[-1] if one[0] != 'checkpoint' else one[1])}", \
                    to(home, tuple(objects - {one} if online else objects for objects, online in zip(s.stores, s.online)))

    def put(self, s, objects):
        return tuple(have | objects if online else have for have, online in zip(s.stores, s.online))

    def wanted(self, home):
        """What should be on every store: the two newest checkpoints with their parts, and the records since the older."""
        wanted = {("record", home.line[:n]) for n in range((home.cuts[-2] if len(home.cuts) > 1 else 0) + 1, len(home.line) + 1)}
        for n in range(max(len(home.cuts) - 2, 0), len(home.cuts)):
            cuts = home.cuts[:n + 1]
            wanted |= {checkpoint_of(home.line, cuts), *parts_of(home.line[:cuts[-1]])}
        return wanted

    def confirm(self, s, h, home, to):
        newest = {checkpoint_of(home.line, home.cuts), *parts_of(home.line[:home.cuts[-1]])}
        lists = [objects for objects, online in zip(s.stores, s.online) if online]
        if self.rules.listed_everywhere and not all(s.online) or not all(newest <= objects for objects in lists):
            return
        others = {o for objects in lists for o in objects if o[0] == "record" and o[1] != home.line[:len(o[1])]}
        others |= {o for objects in lists for o in objects if o[0] == "checkpoint" and o[1] != home.line[:len(o[1])]}
        if others:
            yield f"home {h} lists the stores and finds another branch: goes on as a new writer", to(home._replace(retired=True))
        else:
            yield f"home {h} lists the newest checkpoint" + (" for 24 hours; readers that began before are done" if self.rules.a_day else ""), \
                to(home._replace(confirmed=len(home.cuts)), listing=None if self.rules.a_day else s.listing)

    def may_delete(self, s, home):
        listed = {o for objects, online in zip(s.stores, s.online) if online for o in objects}
        older = home.cuts[-2] if len(home.cuts) > 1 else 0
        if not self.rules.only_what_is_covered:
            older = home.cuts[-1] + 1
        kept_parts = {part for n in home.cuts[-2:] for part in parts_of(home.line[:n])} if self.rules.shared_parts_stay else \
            set(parts_of(home.line[:home.cuts[-1]])[-1:])
        own = {("record", home.line[:n]) for n in range(1, len(home.line) + 1)}
        own |= {checkpoint_of(home.line, home.cuts[:n]) for n in range(1, len(home.cuts) + 1)}
        own |= {part for n in home.cuts for part in parts_of(home.line[:n])}
        for one in sorted(listed if not self.rules.only_its_own else listed & own):
            kind, line = one[:2]
            if kind == "record" and len(line) <= older or kind == "checkpoint" and len(line) < older or kind == "part" and one not in kept_parts:
                yield one

    # A reader.

    def read(self, listing, there):
        """(the records that it sees, whether something was gone)"""
        gone = not listing <= there
        have = listing & there
        checkpoints = {o for o in have if o[0] == "checkpoint"}
        complete = {c for c in checkpoints if have.issuperset(parts_of(c[1]))}
        counting = complete if self.rules.names_count_with_parts else checkpoints
        before = {named_by(c)[0] for c in counting}
        ends = {c for c in checkpoints if c not in before}
        if not self.rules.all_ends_are_taken and ends & complete:
            ends = {max(ends & complete, key=lambda c: (len(c[1]), c))}
        seen, named = set(), set()
        for c in complete & ends:
            seen |= {c[1][:n] for n in range(1, len(c[1]) + 1)}
        for c in counting:
            named |= named_by(c)[1]
        newest = max((len(c[1]) for c in ends & complete), default=0)
        for o in have:
            if o[0] == "record" and o not in named and (self.rules.records_of_any_number or len(o[1]) > newest):
                seen.add(o[1])
        return seen, gone

    def is_bad(self, s):
        for objects in (*s.stores, s.stores[0] | s.stores[1]):
            if not s.durable <= self.read(objects, objects)[0]:
                return True
        if s.listing is not None:
            seen, gone = self.read(s.listing, s.stores[0])
            was_there = {o[1] for o in s.listing if o[0] == "record"} & s.durable
            return not (gone and self.rules.lists_again) and not was_there <= seen
        return False


def checks(nightly):
    def runs(**sizes):
        return lambda rules: OwnRecords(rules, Sizes(**sizes)).run()

    def both(title, without=(), **sizes):
        return with_and_without("own_records", RULES, title, runs(**sizes), without)
    yield from both("one home, a store that is away",
                    ["names_count_with_parts", "listed_everywhere", "only_what_is_covered", "shared_parts_stay"], records=3)
    yield from both("a reader that lists first and reads later", [("a_day", "lists_again")], records=3, away=False, reader=True)
    yield from both("a copied home", ["records_of_any_number", "all_ends_are_taken", "only_its_own"], records=3, checkpoints=2, copied=True, away=False)
    if nightly:
        yield from both("one home, a store that is away, four records", records=4)
        yield from both("a copied home, a store that is away", records=2, checkpoints=2, copied=True)
