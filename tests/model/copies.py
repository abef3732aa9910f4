"""Surplus copies: X lies on several stores and needs some of them; collectors condemn single copies (section 15, collector 2 and 4).

Collector g wants to drop the copy on store g. Bad: fewer copies are left than X needs.
"""
from typing import NamedTuple

from search import explore, with_and_without

RULES = {
    "condemned_copies_do_not_stay": "15, collector 2: enough others stay that are not condemned themselves",
    "copies_are_read_again": "15, collector 4: every copy of which too few others are left is spared",
}


class State(NamedTuple):
    copies: tuple
    condemned: frozenset
    collectors: tuple
    views: tuple  # what each has read as condemned


class Copies:
    def __init__(self, rules, copies, needed, collectors):
        self.rules, self.copies, self.needed, self.collectors = rules, copies, needed, collectors

    def run(self):
        none = frozenset()
        start = State((True,) * self.copies, none, (0,) * self.collectors, (none,) * self.collectors)
        return explore(start, self.moves, lambda s: sum(s.copies) < self.needed)

    def moves(self, s):
        for g in range(self.collectors):
            pc = s.collectors[g]

            def to(pc, g=g, **more):
                return s._replace(collectors=s.collectors[:g] + (pc,) + s.collectors[g + 1:], **more)
            views = s.views[:g] + (s.condemned,) + s.views[g + 1:]
            if pc == 0 and s.copies[g] and self.others_stay(s, g, s.condemned):
                yield f"G{g} reads completely: enough others stay", to(1, views=views)
            if pc == 1:
                yield f"G{g} condemns the copy on store {g}", to(2, condemned=s.condemned | {g})
            if pc == 2:
                if self.others_stay(s, g, s.condemned if self.rules.copies_are_read_again else s.views[g]):
                    yield f"G{g} after the grace time: enough others stay; begins to delete", to(3, views=views)
                else:
                    yield f"G{g} after the grace time: too few others stay; spares its own", to(0, condemned=s.condemned - {g})
            if pc == 3:
                yield f"G{g} DELETES the copy on store {g}", to(4, copies=s.copies[:g] + (False,) + s.copies[g + 1:])
                yield f"G{g} is killed and begins again after its condemnation", to(2)

    def others_stay(self, s, g, condemned):
        return sum(there and store != g and not (self.rules.condemned_copies_do_not_stay and store in condemned)
                   for store, there in enumerate(s.copies)) >= self.needed


def checks(nightly):
    def runs(*sizes):
        return lambda rules: Copies(rules, *sizes).run()
    yield from with_and_without("copies", RULES, "two copies, one needed, two collectors", runs(2, 1, 2), list(RULES))
    yield from with_and_without("copies", RULES, "three copies, one needed, three collectors", runs(3, 1, 3), list(RULES))
    if nightly:
        yield from with_and_without("copies", RULES, "four copies, two needed, four collectors", runs(4, 2, 4))
