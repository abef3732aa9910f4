"""What readers of a log may not understand, or have to find out first: newer programs, other keys, junk, and new root keys."""
import copy
import functools
import random

from writer import H, write

CODE = bytes(range(32))
LATER = ["later"]  # of `must`
KINDS = ("epoch", "epoch", "kind", "change", "record", "checkpoint", "part", "locked", "locked part", "junk")


class Strange:
    """Writes the steps of a history, each with one of two strange kinds now and then."""

    def __init__(self, seed, folder):
        self.random = random.Random("strange %d" % seed)
        self.folder = folder
        self.kinds = [self.random.choice(KINDS) for _ in range(2)]

    def step(self, writer, writers, changes):
        self.learn_roots(writer, writers)
        kind = self.random.choice(self.kinds) if self.random.random() < 0.15 else None
        if kind == "epoch":
            self.begin_epoch(writer, changes)
            return
        more = {"must": LATER} if kind == "record" else {}
        if kind == "kind":
            changes = changes + [{"kind": "newer", **({"may": True} if self.random.random() < 0.3 else {})}]
        if kind == "change":
            changes = [dict(change, must=self.random.choice((LATER, []))) for change in changes]
        writer.record(*changes, salt=self.random.randbytes(32), **more)
        if kind == "checkpoint":
            writer.checkpoint(must=LATER)
        elif kind in ("part", "locked part"):
            writer.part = functools.partial(self.newer_part if kind == "part" else self.locked_part, writer)
            writer.checkpoint(limit=300)
            del writer.part
        elif kind in ("locked", "junk"):
            self.put(writer, *getattr(self, kind + "_object")(writer))

    # New root keys

    def learn_roots(self, writer, writers):
        """A writer has the roots by which it could read what it has read, and writes with one of the newest."""
        known = {number: list(roots) for number, roots in writer.pool.roots.items()}
        for _, other in writer.read_entries.values():
            for number, roots in other.pool.roots.items():
                known[number] = known.get(number, []) + [root for root in roots if root not in known.get(number, ())]
        writer.pool = copy.copy(writer.pool)
        writer.pool.roots = known
        if max(known) > writer.pool.epoch:
            writer.pool.use(max(known))

    def begin_epoch(self, writer, changes):
        change = writer.pool.new_epoch()
        slot = writer.pool.slot(1, CODE)
        writer.record(*changes, slot, change, salt=self.random.randbytes(32))

    # Objects

    @staticmethod
    def newer_part(writer, entries):
        return type(writer).part(writer, entries, must=LATER)

    def locked_part(self, writer, entries):
        pool, writer.pool = writer.pool, self.locked(writer.pool)
        name = type(writer).part(writer, entries)
        writer.pool = pool
        return name

    def put(self, writer, object_type, seq, data, name=None):
        """Into every store; no chain knows of it."""
        path = "mf1/%s/%s/%016x-%s" % ({4: "log", 5: "checkpoint"}[object_type], writer.name.hex(), seq, (name or H(data)).hex())
        for folder in writer.pool.folders:
            write(folder / path, data)

    def locked(self, pool):
        other = copy.copy(pool)
        other.epoch, other.root = 9, self.random.randbytes(32)
        return other

    def record_value(self, writer, seq):
        return {"writer": writer.name, "seq": seq, "previous": writer.previous, "heads": {}, "time": 0, "changes": []}

    def locked_object(self, writer):
        """What this reader has no key for, or whose format or suite it does not know."""
        seq, object_type = writer.seq + self.random.randrange(3), self.random.choice((4, 5))
        how = self.random.choice(("epoch", "root", "pool", "format", "suite"))
        pool = self.locked(writer.pool)
        pool.epoch = 9 if how == "epoch" else writer.pool.epoch
        data = bytearray(pool.document_bytes(object_type, self.record_value(writer, seq)))
        if how == "pool":
            data[24:32] = bytes(8)
        if how == "format":
            data[4] = 2
        if how == "suite":
            data[6] = 77
        return object_type, seq, bytes(data)

    def junk_object(self, writer):
        """Bytes behind a fitting name that are no such object, a damaged one, or one with another name; and a copy that does not fit its name."""
        seq, how = writer.seq + self.random.randrange(3), self.random.choice(("bytes", "type", "tag", "length", "zero", "number", "writer", "copy", "short"))
        value = self.record_value(writer, seq)
        if how == "number":
            value["seq"] += 1
        if how == "writer":
            value["writer"] = bytes(16)
        data = bytearray(writer.pool.document_bytes(3 if how == "type" else 4, value))
        if how == "bytes":
            data = self.random.randbytes(200)
        elif how == "short":
            data = data[:self.random.randrange(100)]
        elif how == "tag":
            data[-1] ^= 1
        elif how == "length":
            data += bytes(1)
        elif how == "zero":
            data[self.random.choice((7, 12, 15))] = 1
        return 4, seq, bytes(data), self.random.randbytes(32) if how == "copy" else None
