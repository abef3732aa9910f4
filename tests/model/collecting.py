"""Pushers that count on a pack X, which a removed model left, and collectors that want to delete it (section 15).

Three stores of three failure domains; N = 1, so a record is durable on two stores. A store may go away, list late or be rolled
back. Anybody may pause anywhere; a crash is a pause for ever, and a collector may begin again after its condemnation.
Bad: X is gone, and a push has reported success, or its `committed` is in the log and nobody withdrew it.

Records are bits of a number, so what a store lists is a number.
"""
from typing import NamedTuple

from search import explore, only_without, with_and_without

RULES = {
    "confirm_by_listing": "15, pusher 2: where a store lists with delay, a record counts when it is listed there",
    "store_added_is_durable": "15, pusher 2: a store counts only when its store_added is durable itself",
    "prepared_is_durable": "15, pusher 2 and 9.7: no record counts as written before it is on N + 1 domains",
    "push_reads_enough": "15, pusher 3: at most N failure domains are missing, or the push stops",
    "push_reads_after_prepared": "15, pusher 3 and 4: reads the log between prepared and committed",
    "push_checks_its_manifest": "15, pusher 5: reports success only when its manifest is live",
    "looks_for_objects_after_reading": "NEW: after it has read the log, a push looks whether what it counts on is still listed",
    "once_condemned_is_out": "NEW: a push counts on nothing that a condemned names, spared or not",
    "all_stores_listed": "15, collector 1: every store of the catalogue gave a complete list",
    "paths_stay_listed": "15, collector 1: every log path that was ever listed by a store is still there",
    "known_heads_are_there": "15, collector 1: every head that any record knows is there",
    "condemned_everywhere": "15, collector 3: the grace time begins when the record is listed on every store",
    "grace_outlasts_listings": "15, collector 3, NEW: 24 hours of the grace time are of the boot clock, whatever the gaps",
    "grace_twice_the_delay": "NEW, as a premise: a store lists to everybody within 12 hours what it listed to one",
    "reads_again": "15, collector 4: reads completely again; what is live now is spared",
    "condemner_spares": "15, collector 4: only who condemned spares",
    "condemner_deletes": "15, collector 4: only who condemned deletes",
    "deletes_within_a_day": "15, collector 5: deletes within 24 hours after that reading",
}
STORES = (0, 1, 2)
N = 1


class Sizes(NamedTuple):
    pushers: int = 1
    collectors: int = 1
    away: int = 0  # how often a store goes away
    rollbacks: int = 0
    late: int = 0  # how often a record is listed late
    late_for_others: bool = False  # who put it lists it at once
    new_store: bool = False  # store 2 is known to the pushers only
    cloned_collector: bool = False  # both collectors are one writer, whose home was copied after the condemnation
    withdrawals: bool = False  # a user says that a pusher is lost
    tidying: bool = False  # checkpoints leave out what is deleted, and the records go
    news: bool = False  # another writer reads and writes; what is rolled back, its record survives
    watched: bool = False  # a store is rolled back only after the collector's home has listed it


class World(NamedTuple):
    shown: tuple  # per store, what everybody lists
    late: tuple  # per store, what is listed late, and was put since the last tick
    later: tuple  # the same, put before the last tick
    online: tuple
    x: bool
    pushers: tuple
    collectors: tuple
    ticks: tuple  # per collector: how many have passed since its condemnation was everywhere, at most 3
    seen: tuple  # per store, what the home of collector 0 has listed there
    budget: tuple  # away, rollbacks, late
    stale: tuple  # per collector: whether its reading is more than a day old


PREPARED, COMMITTED, REMOVED, CONDEMNED, SPARED, DELETED = range(6)
NEWS = 1 << 30


def bit(kind, who):
    return 1 << (kind * 2 + who)


def put(values, index, value):
    return values[:index] + (value,) + values[index + 1:]


class Collecting:
    def __init__(self, rules, sizes):
        self.rules, self.sizes = rules, sizes
        self.pushers, self.collectors = range(sizes.pushers), range(sizes.collectors)
        self.known = STORES[:2] if sizes.new_store else STORES  # to collectors
        self.ticks_needed = 0 if not rules.grace_outlasts_listings else 3 if rules.grace_twice_the_delay else 2
        if not sizes.late_for_others:
            self.ticks_needed = 0  # then the order of putting and listing is enough

    def start(self):
        zero = (0, 0, 0)
        s = self.sizes
        collectors = (0, "copy") if s.cloned_collector else (0,) * s.collectors
        return World(zero, zero, zero, (True,) * 3, True, (0,) * s.pushers, collectors, (0,) * s.collectors, zero,
                     (s.away, s.rollbacks, s.late), (False,) * s.collectors)

    def run(self, most_states=3_000_000):
        return explore(self.start(), self.moves, self.is_bad, most_states)

    def is_bad(self, w):
        if w.x:
            return False
        log = 0
        for mask in w.shown + w.late + w.later:
            log |= mask
        return any(pc == "success" or pc not in ("gave up", "withdrawn") and log & bit(COMMITTED, p) and not log & bit(REMOVED, p)
                   for p, pc in enumerate(w.pushers))

    def moves(self, w):
        yield from self.world_moves(w)
        for p in self.pushers:
            yield from self.push_moves(w, p)
        for g in self.collectors:
            yield from self.collector_moves(w, g)

    # What stores do.

    def world_moves(self, w):
        away, rollbacks, late = w.budget
        for s in STORES:
            if w.online[s] and away:
                yield f"store {s} goes away", w._replace(online=put(w.online, s, False), budget=(away - 1, rollbacks, late))
            if not w.online[s]:
                yield f"store {s} is back", w._replace(online=put(w.online, s, True))
            if w.late[s] | w.later[s]:
                yield f"store {s} lists what it hid", w._replace(shown=put(w.shown, s, w.shown[s] | w.late[s] | w.later[s]),
                                                                 late=put(w.late, s, 0), later=put(w.later, s, 0))
            if rollbacks and w.shown[s] and self.may_roll_back(w, s):
                yield f"store {s} is rolled back to its beginning", w._replace(
                    shown=put(w.shown, s, 0), late=put(w.late, s, 0), later=put(w.later, s, 0), budget=(away, rollbacks - 1, late))
        if any(w.late) or any(w.later) or any(t < self.ticks_needed for t in w.ticks):
            shown = tuple(a | b for a, b in zip(w.shown, w.later))
            yield "the longest listing delay passes", w._replace(shown=shown, later=w.late, late=(0, 0, 0),
                                                                 ticks=tuple(min(t + 1, 3) if self.ticks_needed else 0 for t in w.ticks))
        if self.sizes.watched and w.seen != w.shown:
            yield "the collector's home lists all stores, for another command", w._replace(seen=tuple(a | b for a, b in zip(w.seen, w.shown)))
        if self.sizes.news and any(v & bit(PREPARED, 0) for v in w.shown) and not any(v & NEWS for v in w.shown):
            yield "another writer reads P0's prepared and writes a record", w._replace(
                shown=tuple(v | NEWS if there else v for v, there in zip(w.shown, w.online)))

    def may_roll_back(self, w, s):
        if (self.sizes.watched or self.sizes.news) and any(v & bit(CONDEMNED, 0) for v in w.shown):
            return False
        if self.sizes.watched:
            return w.seen[s] & bit(PREPARED, 0) and w.shown[s] & ~w.seen[s] == 0
        if self.sizes.news:
            return any(v & NEWS for i, v in enumerate(w.shown) if i != s)
        return True

    def put_record(self, w, record):
        """The record goes to every store that is there; one of them, or all, may list it late."""
        online = [s for s in STORES if w.online[s]]
        away, rollbacks, late_left = w.budget
        for late in [()] + ([(s,) for s in online] + [tuple(online)] if late_left else []):
            shown, hidden = list(w.shown), list(w.late)
            for s in online:
                if s in late:
                    hidden[s] |= record
                else:
                    shown[s] |= record
            yield w._replace(shown=tuple(shown), late=tuple(hidden), budget=(away, rollbacks, late_left - bool(late)))

    def listed(self, w, stores=STORES):
        view = 0
        for s in stores:
            if w.online[s]:
                view |= w.shown[s]
        return view

    def is_durable(self, w, record):
        """By what the putter knows: on how many stores it is, and where `confirm_by_listing`, is listed."""
        count = 0
        for s in STORES:
            there = w.shown[s]
            if self.sizes.late_for_others or not self.rules.confirm_by_listing:
                there |= w.late[s] | w.later[s]
            if self.sizes.new_store and s == 2 and self.rules.store_added_is_durable:
                continue
            count += bool(there & record)
        return count >= (N + 1 if self.rules.prepared_is_durable else 1)

    # What records say.

    def holds(self, view, g):
        """Whether the condemnation by g holds."""
        return view & bit(CONDEMNED, g) and not view & (bit(SPARED, g) | bit(DELETED, g))

    def is_condemned(self, view):
        return any(self.holds(view, g) for g in self.collectors)

    def blocks_a_push(self, view):
        if self.rules.once_condemned_is_out:
            return any(view & bit(CONDEMNED, g) for g in self.collectors)
        return self.is_condemned(view)

    def is_live(self, view):
        return any(view & (bit(PREPARED, p) | bit(COMMITTED, p)) and not view & bit(REMOVED, p) for p in self.pushers)

    # A push.

    def push_moves(self, w, p):
        pc, rules = w.pushers[p], self.rules

        def to(pc, world=w):
            return world._replace(pushers=put(world.pushers, p, pc))
        view = self.listed(w)
        enough = sum(w.online) >= len(STORES) - N
        blocked = self.blocks_a_push(view)
        if pc == 0 and w.x and enough and not blocked:
            yield f"P{p} lists X, which is not condemned, and counts on it", to("counts")
        if pc == "counts":
            for world in self.put_record(w, bit(PREPARED, p)):
                yield f"P{p} puts prepared", to("prepared", world)
        if pc in ("prepared", "committed"):
            record = bit(PREPARED if pc == "prepared" else COMMITTED, p)
            yield f"P{p} puts it to the stores that were away", w._replace(shown=tuple(
                v | record if there and not (late | later) & record else v
                for v, there, late, later in zip(w.shown, w.online, w.late, w.later)))
        if pc == "prepared" and self.is_durable(w, bit(PREPARED, p)):
            yield f"P{p}: prepared is durable", to("read" if rules.push_reads_after_prepared else "found")
        if pc == "read":
            if enough:
                said, following = ("X is condemned: gives up", "gave up") if blocked else ("X is not condemned", "look")
                yield f"P{p} reads the log: {said}", to(following)
            if not rules.push_reads_enough:
                yield f"P{p} can list no log just now, which nobody notices", to("look")
        if pc == "look":
            if w.x or not rules.looks_for_objects_after_reading:
                yield f"P{p} goes on" + (": X is still listed" if rules.looks_for_objects_after_reading else ""), to("found")
            else:
                yield f"P{p}: X is gone: gives up", to("gave up")
        if pc == "found":
            for world in self.put_record(w, bit(COMMITTED, p)):
                yield f"P{p} puts committed", to("committed", world)
        if pc == "committed" and self.is_durable(w, bit(COMMITTED, p)):
            dead = rules.push_checks_its_manifest and view & bit(REMOVED, p)
            if enough and not (blocked or dead):
                yield f"P{p}: committed is durable; reads the log, all is well: REPORTS SUCCESS", to("success")
            elif enough:
                yield f"P{p}: committed is durable; reads the log, X is condemned or its manifest dead: gives up", to("gave up")
        unfinished = pc not in (0, "counts", "success", "withdrawn")
        if pc == "gave up" or self.sizes.withdrawals and unfinished and not view & bit(REMOVED, p):
            who = f"P{p}" if pc == "gave up" else f"a user says that P{p} is lost, and"
            for world in self.put_record(w, bit(REMOVED, p)):
                if sum(w.online) > N:
                    yield f"{who} withdraws its prepared", to("withdrawn" if pc == "gave up" else pc, world)

    # A collector.

    def reads_completely(self, w, stores):
        if self.rules.all_stores_listed and not all(w.online[s] for s in stores):
            return False
        if self.sizes.watched and self.rules.paths_stay_listed and any(w.seen[s] & ~w.shown[s] for s in stores):
            return False
        view = self.listed(w, stores)
        return not (self.sizes.news and self.rules.known_heads_are_there and view & NEWS and not view & bit(PREPARED, 0))

    def collector_moves(self, w, g):
        pc, rules = w.collectors[g], self.rules
        me = 0 if self.sizes.cloned_collector else g

        def to(pc, world=w, **changes):
            return world._replace(collectors=put(world.collectors, g, pc), **changes)
        if pc == "copy" and w.collectors[0] in (2, 3):
            yield "the home of G0 is copied, as a snapshot of its machine: G1", to(w.collectors[0])
        complete = self.reads_completely(w, self.known)
        view = self.listed(w, self.known)
        if pc == 0 and complete and w.x and not self.is_live(view) and not self.holds(view, me):
            yield f"G{g} reads completely: nothing names X", to(1)
        if pc == 1:
            for world in self.put_record(w, bit(CONDEMNED, me)):
                if sum(w.online) > N:
                    yield f"G{g} puts condemned", to(2, world)
        if pc == 0 and not rules.condemner_deletes and complete and any(self.holds(view, o) for o in self.collectors if o != me):
            yield f"G{g} reads a condemnation by another and waits for its grace time", to(2)
        if pc == 2 and self.grace_begins(w, me):
            yield f"G{g}: the grace time begins", to(3, ticks=put(w.ticks, g, 0))
        if pc == 3 and complete and w.ticks[g] >= self.ticks_needed:
            yield from self.second_reading(w, g, me, view, to)
        if pc == 4:
            if w.x and not (w.stale[g] and rules.deletes_within_a_day):
                yield f"G{g} DELETES X", to(5, x=False)
            yield f"G{g} is killed and begins again after its condemnation", to(2)
        if pc in (5, 8) and complete and self.sizes.tidying and not view & bit(DELETED, me):
            for world in self.put_record(w, bit(DELETED, me)):
                yield f"G{g} puts deleted: all that it still condemned is gone", to(6, world)
        if pc == 6 and all(v & bit(DELETED, me) for v in w.shown):
            gone = ~(bit(CONDEMNED, me) | bit(SPARED, me) | bit(DELETED, me))
            yield f"G{g}: two checkpoints leave the condemnation out, and, days later, its records are gone", to(
                7, shown=tuple(v & gone if w.online[s] else v for s, v in enumerate(w.shown)), stale=tuple(pc == 4 for pc in w.collectors))
        if not rules.condemner_spares and complete and self.is_live(view) and pc == 0:
            for other in self.collectors:
                if other != me and self.holds(view, other):
                    for world in self.put_record(w, bit(SPARED, other)):
                        yield f"G{g} reads that X is used, which G{other} condemned, and spares it", to(9, world)

    def grace_begins(self, w, me):
        records = [bit(CONDEMNED, g) for g in self.collectors] if not self.rules.condemner_deletes else [bit(CONDEMNED, me)]
        there = [w.shown[s] | (w.late[s] | w.later[s] if self.sizes.late_for_others else 0) for s in self.known]
        if self.rules.condemned_everywhere:
            return any(all(w.online[s] for s in self.known) and all(v & record for v in there) for record in records)
        return any(sum(bool(v & record) for v in there) > N for record in records)

    def second_reading(self, w, g, me, view, to):
        # Without a condemnation of its own, it goes by that of another.
        condemner = me if view & bit(CONDEMNED, me) or self.rules.condemner_deletes else 1 - me
        if view & bit(SPARED, condemner):
            yield f"G{g} reads again: X is spared", to(8)
        elif self.rules.reads_again and self.is_live(view):
            if condemner != me:
                yield f"G{g} reads again: X is used; leaves it", to(9)
            for world in self.put_record(w, bit(SPARED, me)) if condemner == me else ():
                if sum(w.online) > N:
                    yield f"G{g} reads again: X is used; puts spared", to(8, world)
        else:
            yield f"G{g} reads again: nothing names X; begins to delete a long list", to(4, stale=put(w.stale, g, False))


def checks(nightly):
    def runs(**sizes):
        return lambda rules: Collecting(rules, Sizes(**sizes)).run()

    def both(title, without=(), **sizes):
        return with_and_without("collecting", RULES, title, runs(**sizes), without)

    def broken(title, without, **sizes):
        return only_without("collecting", RULES, title, runs(**sizes), without)
    yield from both("a push and a collector, a store goes away", ["reads_again", "push_reads_after_prepared", "push_reads_enough"], away=1)
    yield from both("a collector who tidies up after deleting", ["looks_for_objects_after_reading"], tidying=True)
    yield from both("stores go away, one is rolled back", ["prepared_is_durable", "condemned_everywhere", "all_stores_listed"], away=2, rollbacks=1)
    yield from both("a push is withdrawn by a user", ["push_checks_its_manifest"], withdrawals=True)
    yield from both("a store lists late", ["confirm_by_listing"], away=1, late=1)
    yield from both("a store lists late to others", ["grace_outlasts_listings", "grace_twice_the_delay"], late=2, late_for_others=True)
    yield from both("a store that one machine knows, one that goes away, one that is rolled back", ["store_added_is_durable"],
                    away=1, rollbacks=1, new_store=True)
    yield from both("two collectors", [("condemner_spares", "once_condemned_is_out"), ("condemner_deletes", "once_condemned_is_out")], collectors=2)
    yield from both("a collector's home was copied after the condemnation", ["once_condemned_is_out"], collectors=2, cloned_collector=True)
    yield from both("the same, and one of the two tidies up", ["deletes_within_a_day"], collectors=2, cloned_collector=True, tidying=True)
    yield from both("stores are rolled back after the collector's home has listed them", ["paths_stay_listed"], rollbacks=3, watched=True)
    yield from both("stores are rolled back, another writer's record knows better", ["known_heads_are_there"], away=1, rollbacks=2, news=True)
    if nightly:
        yield from both("two pushes, two collectors, a store goes away", pushers=2, collectors=2, away=1)
        yield from both("two pushes, two collectors, a store lists late", pushers=2, collectors=2, late=1)
        yield from both("a push, a store away, one rolled back, one late", away=1, rollbacks=1, late=1)
        yield from both("two pushes, two collectors who tidy up", pushers=2, collectors=2, tidying=True)
