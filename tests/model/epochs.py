"""Rekey (9.2, epochs): every record can be read by who opens a slot of the newest epoch, and a withdrawn secret writes no more.

`wrapping`: writers rekey, having read any of the epochs so far, also at once. Bad: somebody opens slots of every newest epoch, and
no chain of `wrapped` leads to some other root.
`withdrawn`: a machine M whose secret a rekey withdraws. Bad: it writes a record by what it read after the epoch record was durable.
"""
import itertools
from typing import NamedTuple

from search import explore, with_and_without

RULES = {
    "wraps_all_ends": "9.2, NEW: `wrapped` has each root that its writer knows and no other root that it knows leads to",
    "unopened_makes_read_only": "9.7: a log object that cannot be opened makes a reader read-only",
    "reads_before_writing": "NEW: a record of any kind is written only after the log was read with at most N domains missing",
}


class Epoch(NamedTuple):
    number: int
    wrapped: frozenset  # positions of epochs


class Wrapping:
    """State: all roots, and what the writer of the newest knew. A writer knows some roots by their slots, and all that they lead to."""

    def __init__(self, rules, most_roots):
        self.rules, self.most_roots = rules, most_roots

    def run(self):
        return explore(((Epoch(1, frozenset()),), frozenset()), self.moves, self.is_bad)

    def moves(self, state):
        epochs, _ = state
        if len(epochs) == self.most_roots:
            return
        for n in range(1, len(epochs) + 1):
            for some in itertools.combinations(range(len(epochs)), n):
                known = frozenset(some)
                if self.reached(epochs, known) != known:
                    continue
                largest = max(epochs[i].number for i in known)
                wrapped = self.ends(epochs, known) if self.rules.wraps_all_ends else frozenset(i for i in known if epochs[i].number == largest)
                yield f"who knows the roots {sorted(known)} begins root {len(epochs)}, of number {largest + 1}, which wraps {sorted(wrapped)}", \
                    (epochs + (Epoch(largest + 1, wrapped),), known)

    def is_bad(self, state):
        epochs, known = state
        return not known <= self.reached(epochs, {len(epochs) - 1})

    def reached(self, state, known):
        found, todo = set(), list(known)
        while todo:
            here = todo.pop()
            if here not in found:
                found.add(here)
                todo += state[here].wrapped
        return frozenset(found)

    def ends(self, state, known):
        return frozenset(i for i in known if not any(i in state[j].wrapped for j in known))


class Withdrawn(NamedTuple):
    """Three stores, N = 1: which list the epoch record, which answer, and M's state."""
    epoch: frozenset
    online: frozenset
    durable: bool
    machine: str  # idle, has read (before it was durable: early; after: late), wrote by late reading


class Withdrawal:
    def __init__(self, rules):
        self.rules = rules

    def run(self):
        return explore(Withdrawn(frozenset(), frozenset(range(3)), False, "idle"), self.moves, lambda s: s.machine == "wrote")

    def moves(self, s):
        for store in range(3):
            yield f"store {store} " + ("goes away" if store in s.online else "is back"), s._replace(online=s.online ^ {store})
            if store in s.online and store not in s.epoch:
                yield f"the rekey puts its epoch record on store {store}", s._replace(epoch=s.epoch | {store})
        if len(s.epoch) >= 2 and not s.durable:
            yield "the epoch record is durable: M's secret is withdrawn", s._replace(durable=True)
        if s.machine == "idle" and s.online:
            enough = len(s.online) >= 2 or not self.rules.reads_before_writing
            read_only = self.rules.unopened_makes_read_only and self.is_no_junk(s)
            if enough and not read_only:
                yield f"M reads the stores {sorted(s.online)}: it may write", s._replace(machine="late" if s.durable else "early")
        if s.machine in ("early", "late") and s.online:
            yield "M writes a record", s._replace(machine="wrote" if s.machine == "late" else "idle")

    def is_no_junk(self, s):
        listing, away = s.epoch & s.online, frozenset(range(3)) - s.online
        return bool(listing) and len(listing | away) > 1


def checks(nightly):
    yield from with_and_without("epochs", RULES, "rekeys at once, up to five roots",
                                lambda rules: Wrapping(rules, 6 if nightly else 5).run(), ["wraps_all_ends"])
    yield from with_and_without("epochs", RULES, "a withdrawn secret",
                                lambda rules: Withdrawal(rules).run(), ["unopened_makes_read_only", "reads_before_writing"])
