"""Tags, removals, new writers and copied homes: all histories of a few records, against what is causally true (9.1 to 9.4).

Each step one home, having read any of the records it had not read, writes one change: a commit of new bytes or of bytes that
another has committed, `untagged`, or `removed`. A home may go on as a new writer, as after `recover`.
Bad: a tag may point to something else than the causally latest commits, or a commit dies by a `removed` that did not know it.
"""
import itertools
from typing import NamedTuple

from pool import Pool, Record, knowledge, newest_heads
from search import explore, with_and_without

RULES = {
    "heads_are_joined": "9.1: a writer knows all that the records it has read know",
    "one_push_one_name": "9.2: a content name is committed by one push only",
    "new_writer_knows_its_old_chain": "9.1: the heads of a new writer begin with its own old chain",
    "copy_becomes_new_writer": "9.1: who finds an own number under a hash it does not know goes on as a new writer",
    "heads_go_along_the_chain": "9.1: a record also knows what the records of its chain with smaller numbers know",
    "head_names_its_record": "NEW: of records of one number, a head names all that its writer knows, and knows no other",
}


class Sizes(NamedTuple):
    homes: int = 3
    records: int = 4
    recovers: bool = False  # a home may lose its registry, read everything and go on as a new writer
    copied: bool = False  # home 1 begins as a copy of home 0 after its first record
    again: bool = False  # a commit may be of bytes that another commit has


class History(NamedTuple):
    records: tuple
    homes: tuple  # per home (writer, positions that it has read or knows)


class Order:
    def __init__(self, rules, sizes):
        self.rules, self.sizes = rules, sizes

    def start(self):
        homes = tuple(((h, 0), frozenset()) for h in range(self.sizes.homes))
        if not self.sizes.copied:
            return History((), homes)
        first = Record((0, 0), 1, (), frozenset(), (("committed", "c0"),))
        return History((first,), (((0, 0), frozenset({0})), ((0, 0), frozenset({0}))) + homes[2:])

    def run(self):
        return explore(self.start(), self.moves, self.is_bad)

    def moves(self, history):
        if len(history.records) == self.sizes.records:
            return
        fresh = [h for h in range(self.sizes.homes) if not history.homes[h][1]]
        for h in range(self.sizes.homes):
            if h in fresh[1:]:
                continue  # homes that have done nothing are alike
            yield from self.steps_of(history, h, history.homes[h])
            (name, generation), known = history.homes[h]
            if self.sizes.recovers and generation == 0 and known:
                everything = frozenset(range(len(history.records)))
                yield from self.steps_of(history, h, ((name, 1), everything), True)

    def steps_of(self, history, h, home, recovered=False):
        records = history.records
        unread = [i for i in range(len(records)) if i not in home[1]]
        for n in range(len(unread) + 1):
            for new in itertools.combinations(unread, n):
                known = home[1] | frozenset(new)
                writer = home[0]
                if self.rules.copy_becomes_new_writer and any(records[i].writer == writer for i in knowledge(records, new) - home[1]):
                    writer = (h, writer[1] + 1)  # it finds its own numbers, also in heads, under hashes that it does not know
                causal = knowledge(records, known)
                heads = newest_heads(records, causal if self.rules.heads_are_joined else known, writer)
                if recovered and not self.rules.new_writer_knows_its_old_chain:
                    heads = tuple(head for head in heads if head[0] != (h, 0))
                seq = 1 + max((records[i].seq for i in known if records[i].writer == writer), default=0)
                if self.rules.copy_becomes_new_writer and any(r.writer == writer and r.seq != seq and i not in known for i, r in enumerate(records)):
                    continue  # a home reads its own chain before it writes, but two may do so at once
                for change in self.changes(records, causal):
                    yield self.after(history, h, writer, known, Record(writer, seq, self.only_new(records, known, writer, heads), causal, (change,)),
                                     "recovers and " if recovered else "")

    def only_new(self, records, known, writer, heads):
        """Heads that no record of the chain has said are left out; without the rule readers do not add them."""
        said = {head for i in known if records[i].writer == writer for head in records[i].heads}
        return tuple(head for head in heads if head not in said)

    def after(self, history, h, writer, known, record, how):
        records = history.records + (record,)
        homes = list(history.homes)
        homes[h] = (writer, known | {len(records) - 1})
        heads = ", ".join(f"{w}:{s}" for w, s, _ in record.heads)
        read = sorted(record.read)
        label = f"home {h} {how}writes record {len(records) - 1} as {writer} number {record.seq}: {record.changes[0]}; " \
            f"heads {heads or 'none'}; knows {read}"
        return label, History(records, tuple(homes))

    def changes(self, records, causal):
        commits = {change[1] for i in causal for change in records[i].changes if change[0] == "committed"}
        yield ("committed", f"c{len(records)}")
        if self.sizes.again:
            for name in commits:
                yield ("committed", name if not self.rules.one_push_one_name else f"{name}+{len(records)}")
        if commits:
            yield ("untagged",)
        for name in commits:
            yield ("removed", (name,))

    def is_bad(self, history):
        records = history.records
        pool = OneRecordPool(records, rules=self.rules) if not self.rules.heads_go_along_the_chain else Pool(records, rules=self.rules)
        true = Truth(records, rules=self.rules)
        return pool.tag_candidates() != true.tag_candidates() or pool.live() != true.live()


class OneRecordPool(Pool):
    def known_by(self, i):
        return {writer: (seq, positions) for writer, seq, positions in self.heads[i]}


class Truth(Pool):
    def before(self, i, j):
        return i in self.records[j].read

    def committed_alive(self):
        removed = list(self.each("removed"))
        return [entry for entry in self.each("committed") if not any(entry[2][1] in r[2][1] and self.before(entry[0], r[0]) for r in removed)]

    def live(self):
        return {entry[2][1] for entry in self.committed_alive()}

    def tag_candidates(self):
        commits = [entry for entry in self.committed_alive() if not any(self.before(entry[0], u[0]) for u in self.each("untagged"))]
        return frozenset(entry[2][1] for entry in self.candidates(commits))


def checks(nightly):
    def runs(**sizes):
        return lambda rules: Order(rules, Sizes(**sizes)).run()

    def both(title, without=(), **sizes):
        return with_and_without("order", RULES, title, runs(**sizes), without)
    yield from both("three writers, four records", ["heads_are_joined", "heads_go_along_the_chain"])
    yield from both("a late removed and a push of the same files", ["one_push_one_name"], records=3, again=True)
    yield from both("a home that recovers", ["new_writer_knows_its_old_chain"], homes=2, records=4, recovers=True)
    yield from both("a copied home; each copy reads the log before it writes", ["copy_becomes_new_writer", "head_names_its_record"],
                    homes=3, records=4, copied=True)
    if nightly:
        yield from both("three writers, five records", records=5)
        yield from both("three homes that recover, four records", records=4, recovers=True)
