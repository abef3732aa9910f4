"""Stores that join and leave beside a push and a collector (9.2 and 15): who reads enough must see what was on every store.

Each store is a domain; N = 1. A condemnation of X is listed on every store of the catalogue, its collector has read again and is about
to delete. Meanwhile stores are added, with or without the log that the others have, and taken out. A push writes prepared to the
stores in use, on two at least (all, where there are fewer), and reads all but N of them.
Bad: it finds X not condemned.
"""
from typing import NamedTuple

from search import explore, with_and_without

RULES = {
    "added_with_the_log": "NEW: before store_added is written, all log objects that the others list are on the new store",
}


class State(NamedTuple):
    stores: tuple  # per store: "none", "in use", "gone"
    has: tuple  # whether it lists the condemnation
    online: tuple
    push: str


class Members:
    def __init__(self, rules, first, most):
        self.rules, self.first, self.most = rules, first, most

    def run(self):
        later = self.most - self.first
        start = State(("in use",) * self.first + ("none",) * later, (True,) * self.first + (False,) * later, (True,) * self.most, "counts on X")
        return explore(start, self.moves, lambda s: s.push == "goes on")

    def moves(self, s):
        def put(values, i, value):
            return values[:i] + (value,) + values[i + 1:]
        used = [i for i, state in enumerate(s.stores) if state == "in use"]
        for i in range(self.most):
            if s.stores[i] == "none":
                log = any(s.has[j] and s.online[j] for j in used)
                if not self.rules.added_with_the_log:
                    yield f"store {i} is added", s._replace(stores=put(s.stores, i, "in use"))
                elif log:
                    yield f"store {i} gets the log, and is added", s._replace(stores=put(s.stores, i, "in use"), has=put(s.has, i, True))
            if s.stores[i] == "in use" and len(used) > 1:
                yield f"store {i} is taken out", s._replace(stores=put(s.stores, i, "gone"))
            if s.stores[i] == "in use":
                yield f"store {i} " + ("goes away" if s.online[i] else "is back"), s._replace(online=put(s.online, i, not s.online[i]))
        there = [i for i in used if s.online[i]]
        if s.push == "counts on X" and len(there) >= min(2, len(used)):
            yield f"the push puts prepared on {there}", s._replace(push="prepared")
        if s.push == "prepared" and there and len(used) - len(there) <= 1:
            if any(s.has[i] for i in there):
                yield f"the push reads {there}: X is condemned", s._replace(push="gives up")
            else:
                yield f"the push reads {there}: X is not condemned", s._replace(push="goes on")


def checks(nightly):
    def runs(*sizes):
        return lambda rules: Members(rules, *sizes).run()
    for first, most in ((1, 2), (2, 4), (3, 5)):
        yield from with_and_without("members", RULES, f"{first} stores, {most - first} that join", runs(first, most), list(RULES))
