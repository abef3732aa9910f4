"""What a set of records says, by sections 9.3 and 9.4, beside what is causally true.

A history is a tuple of records. Each record knows by `heads` what its writer claims to know, and has in `read` the positions of
the records that its writer had truly read, or knew by those; so what the rules conclude can be compared with the truth.
"""
from typing import NamedTuple


class Record(NamedTuple):
    writer: object
    seq: int
    heads: tuple  # (writer, seq, positions of the records of this number that it knows), sorted
    read: frozenset  # positions of records
    changes: tuple  # each a tuple that begins with its kind


class Pool:
    """`kept` are the positions of the records that a reader has; `heads` may say otherwise what heads a record has, by position.
    `hash_of` orders concurrent records."""
    passes_over_dead_replacements = True

    def __init__(self, records, kept=None, rules=None, heads=None, hash_of=lambda position: position, changes=None):
        self.records, self.rules, self.hash_of = records, rules, hash_of
        self.kept = sorted(range(len(records)) if kept is None else kept)
        self.heads = {i: records[i].heads for i in self.kept}
        if heads:
            self.heads.update(heads)
        self.changes_of = {i: records[i].changes for i in self.kept}
        if changes:
            self.changes_of.update(changes)
        self.knows = {i: self.known_by(i) for i in self.kept}

    def known_by(self, i):
        """writer -> (seq, positions): its own heads, and those of records of its chain with a smaller number"""
        mine, known = self.records[i], {}
        for j in self.kept:
            other = self.records[j]
            if j == i or other.writer == mine.writer and other.seq < mine.seq:
                for writer, seq, positions in self.heads[j]:
                    if seq > known.get(writer, (0,))[0]:
                        known[writer] = (seq, positions)
        return known

    def before(self, i, j):
        """Section 9.3."""
        a, b = self.records[i], self.records[j]
        if a.writer == b.writer:
            return a.seq < b.seq
        seq, positions = self.knows[j].get(a.writer, (0, ()))
        if self.rules is not None and self.rules.head_names_its_record and seq == a.seq:
            return i in positions
        return seq >= a.seq

    def each(self, kind):
        """(position, place in the record, change)"""
        for i in self.kept:
            for place, change in enumerate(self.changes_of[i]):
                if change[0] == kind:
                    yield i, place, change

    def latest(self, entries):
        entries = list(entries)
        last = [a for a in entries if not any(self.before(a[0], b[0]) or a[0] == b[0] and a[1] < b[1] for b in entries)]
        return max(last or entries, key=lambda entry: (self.hash_of(entry[0]), entry[1]))

    def candidates(self, entries):
        """All that are not before another."""
        entries = list(entries)
        return [a for a in entries if not any(self.before(a[0], b[0]) or a[0] == b[0] and a[1] < b[1] for b in entries)]

    # Manifests

    def dead(self):
        return {name for _, _, change in self.each("removed") for name in change[1]}

    def stands_for(self, name, dead=None, way=()):
        """The content name that this one stands for, or None. `way`: the names that have led here."""
        dead = self.dead() if dead is None else dead
        if name in dead:
            return None
        way += (name,)
        found = [entry for entry in self.each("replaced") if entry[2][1] == name]
        if self.passes_over_dead_replacements:
            found = [entry for entry in found if entry[2][2] not in way and self.stands_for(entry[2][2], dead, way) is not None]
        if not found:
            return name
        following = self.latest(found)[2][2]
        return None if following in way else self.stands_for(following, dead, way)

    def committed(self):
        return {change[1] for _, _, change in self.each("committed")}

    def live(self):
        dead = self.dead()
        return {name for c in self.committed() if (name := self.stands_for(c, dead)) is not None}

    def prepared_alive(self, until_committed=True):
        dead, committed = self.dead(), self.committed() if until_committed else ()
        return {change[1] for _, _, change in self.each("prepared")} - dead - set(committed)

    def tag_candidates(self):
        """The manifests that a tag may point to; the hash decides between several."""
        dead = self.dead()
        untagged = list(self.each("untagged"))
        commits = [entry for entry in self.each("committed") if self.stands_for(entry[2][1], dead) is not None]
        commits = [a for a in commits if not any(self.before(a[0], u[0]) or a[0] == u[0] and a[1] < u[1] for u in untagged)]
        return frozenset(self.stands_for(entry[2][1], dead) for entry in self.candidates(commits))

    # Objects

    def condemned(self):
        """(object, position of the record)"""
        spared = {(self.records[i].writer, change[1], name) for i, _, change in self.each("spared") for name in change[2]}
        deleted = {record for _, _, change in self.each("deleted") for record in change[1]}
        return frozenset((name, i) for i, _, change in self.each("condemned") if i not in deleted for name in change[1]
                         if (self.records[i].writer, i, name) not in spared)


def newest_heads(records, positions, writer):
    """The heads of a record by `writer` that knows these: of each other chain the newest number."""
    newest = {}
    for i in sorted(positions):
        other = records[i]
        seq, same = newest.get(other.writer, (0, ()))
        if other.writer != writer and other.seq >= seq:
            newest[other.writer] = (other.seq, same + (i,) if other.seq == seq else (i,))
    return tuple(sorted((w, seq, same) for w, (seq, same) in newest.items()))


def knowledge(records, positions):
    """All that is read or known by what is read."""
    known = set(positions)
    for i in positions:
        known |= records[i].read
    return frozenset(known)
