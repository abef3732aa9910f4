"""Log objects that a reader cannot open (9.7): when they are junk.

A pool of a few failure domains, of which N may fail. A writer puts a record of a new epoch to the domains that answer it and, once
enough have it, reports it as durable; an attacker owns some domains and lists an object of his own there. Domains go away, or are
rolled back. A reader without the new key lists what answers.
Bad: it takes a durable record for junk; or it is read-only by the attacker's object alone, though no more than N domains are his
or away.
"""
from typing import NamedTuple

from search import Outcome, explore, with_and_without

RULES = {
    "away_counts_as_listing": "9.7: domains that did not give a complete list count with those that list it",
    "not_all_domains": "9.7: what all domains list is no junk",
    "durable_on_n_plus_1": "9.7: no record counts as written before it is on N + 1 domains, or on all where there are fewer",
    "junk_up_to_n": "9.7: what is on N domains or fewer is junk",
    "n_never_sinks": "NEW: N is the largest that any policy of the pool has named, for who writes and for who reads",
    "rolled_back_is_away": "NEW: a domain that does not list what it once listed to this reader counts as one without a complete list",
}


class Sizes(NamedTuple):
    domains: int
    survive: int
    lowered: bool = False  # the new record's writer goes by a policy of N - 1, which the reader cannot read
    rollbacks: int = 0  # of domains that the reader has listed before


class State(NamedTuple):
    has: frozenset  # domains with the record
    listed: frozenset  # domains where the reader has listed it before
    durable: bool
    attacked: frozenset  # domains with the attacker's object
    away: frozenset
    rolled_back: frozenset


class Junk:
    def __init__(self, rules, sizes):
        self.rules, self.sizes = rules, sizes
        self.all = frozenset(range(sizes.domains))

    def run(self):
        none = frozenset()
        return explore(State(none, none, False, none, none, none), self.moves, self.is_bad)

    def moves(self, s):
        survive = self.sizes.survive - (self.sizes.lowered and not self.rules.n_never_sinks)
        for d in sorted(self.all):
            if d not in s.away:
                if d not in s.has | s.rolled_back | s.attacked:
                    yield f"the record is put on domain {d}", s._replace(has=s.has | {d})
                yield f"domain {d} goes away", s._replace(away=s.away | {d})
                if d in s.listed and len(s.rolled_back) < self.sizes.rollbacks:
                    yield f"domain {d} is rolled back", s._replace(has=s.has - {d}, rolled_back=s.rolled_back | {d})
            else:
                yield f"domain {d} is back", s._replace(away=s.away - {d})
            if d not in s.attacked | s.has and len(s.attacked) < self.sizes.survive:
                yield f"the attacker puts his object on domain {d}, which is his", s._replace(attacked=s.attacked | {d})
        needed = min(survive + 1, self.sizes.domains) if self.rules.durable_on_n_plus_1 else max(survive, 1)
        if len(s.has) >= needed and not s.durable:
            yield "the record is durable, and reported so", s._replace(durable=True)
        if self.sizes.rollbacks and s.durable and self.all - s.away and s.has - s.away - s.listed:
            yield "the reader lists what answers", s._replace(listed=s.listed | s.has - s.away)

    def is_junk(self, listing, away):
        domains = listing | away if self.rules.away_counts_as_listing else listing
        if self.rules.not_all_domains and domains == self.all:
            return False
        return len(domains) <= self.sizes.survive - (not self.rules.junk_up_to_n)

    def is_bad(self, s):
        away = s.away
        if self.rules.rolled_back_is_away:
            away |= s.rolled_back
        listing = s.has - s.away
        if s.durable and listing and self.is_junk(listing, away):
            return True
        attack = s.attacked - s.away
        faulty = s.attacked | s.away
        return bool(attack) and not s.rolled_back and len(faulty) <= self.sizes.survive and faulty != self.all and not self.is_junk(attack, s.away)


def checks(nightly):
    def pools(rules, **sizes):
        """All pools of 1 to 4 domains with N of 0 to 2."""
        states = 0
        for domains in range(1, 5 if not nightly else 6):
            for survive in range(3):
                outcome = Junk(rules, Sizes(domains, survive, **sizes)).run()
                states += outcome.states
                if outcome.trace is not None or not outcome.whole:
                    trace = outcome.trace and [f"{domains} domains, N = {survive}: {outcome.trace[0]}", *outcome.trace[1:]]
                    return Outcome(trace, states, False)
        return Outcome(None, states, True)
    yield from with_and_without("junk", RULES, "all pools of 1 to 4 domains, N of 0 to 2, any domains away", pools,
                                ["away_counts_as_listing", "not_all_domains", "durable_on_n_plus_1", "junk_up_to_n"])
    yield from with_and_without("junk", RULES, "the same, and the new record's policy lowers N",
                                lambda rules: pools(rules, lowered=True), ["n_never_sinks"])
    yield from with_and_without("junk", RULES, "the same, and one domain is rolled back that the reader had listed",
                                lambda rules: pools(rules, rollbacks=1),
                                ["rolled_back_is_away"])
