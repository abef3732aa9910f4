"""Random histories of a pool, for two readers to agree on.

  python histories.py write DIR COUNT [FIRST]   writes COUNT histories, with the numbers from FIRST on, and DIR/code, the recovery code
  python histories.py resolve DIR               prints a line of JSON for each of them: what tools/rescue.py makes of it

Written from docs/formats/mf1.md. A history is a store of its own, DIR/history-NUMBER. Every second has no forks. Every third has what readers
may not understand (strange.py). Beside every fifth is DIR/missed-NUMBER, a second store of the same pool that missed half of the deletions.
The stores that a log adds are made up, and so are its slots. The same number makes the same history.
"""
import json
import os
import random
import sys
from pathlib import Path

from strange import Strange
from writer import Pool, Writer, committed, condemned, deleted, prepared, recovery_code_text, removed, replaced, spared, untagged

CODE = bytes(range(32))
MODELS = ("lab/a", "lab/b")
TAGS = ("latest", "v1")
LIMITS = (300, 900, 1 << 22)  # bytes of a part


class Batch:
    """What histories share: the root key, a slot, and manifests."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.pool = Pool([self.folder / "shared"], random.Random("batch"))
        self.pool.slot(1, CODE)
        (self.folder / "code").write_text(recovery_code_text(CODE) + "\n")
        self.manifests = []  # (model, which revision, manifest)
        for model in MODELS:
            for revision in range(4):
                data = b"%s %d" % (model.encode(), revision)
                entry = [self.pool.fragment_id(data), len(data), 0, 0, data]
                self.manifests += [(model, revision, self.pool.manifest(model, [("w", data, 1)], [([], [entry])], {"created_at": i}))
                                   for i in range(5)]
        top = self.folder / "shared/mf1"
        self.slots = [path.relative_to(top) for path in top.glob("slot/*/*")]

    def share(self, folder):
        """The folder gets the slot, as a further name of the same file."""
        for path in self.slots:
            target = folder / "mf1" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(self.folder / "shared/mf1" / path, target)


class History:
    def __init__(self, seed, batch, folder, checkpoints=True, forks=True, missed=None, strange=False):
        self.random, self.salts = random.Random("history %d" % seed), random.Random("salts %d" % seed)
        self.folder = Path(folder)
        pool = batch.pool.over([folder] + ([missed] if missed else []), random.Random("checkpoints %d" % seed))
        self.writers = [Writer(pool, bytes([0xA0 + i]) * 16) for i in range(3)]
        self.unused = list(batch.manifests)
        self.random.shuffle(self.unused)
        self.forks = self.random.choice((0, 1, 2)) if forks else 0
        batch.share(self.folder)
        self.strange = Strange(seed, self.folder) if strange else None
        for _ in range(self.random.randrange(5, 41)):
            self.step(checkpoints)

    def step(self, checkpoints):
        writer = self.random.choice(self.writers)
        for other in self.writers:
            if other.name != writer.name and other.seq and self.random.random() < 0.35:  # reads some of it, now and then again
                writer.read(other, seq=self.random.randint(max(1, other.seq - 3), other.seq))
        changes = [change for _ in range(self.random.choice((0, 1, 1, 1, 2, 3))) for change in self.changes(writer)]
        if self.strange:
            self.strange.step(writer, self.writers, changes)
        else:
            writer.record(*changes, salt=self.salts.randbytes(32))
        chance = self.random.random()
        if self.forks and chance < 0.1:
            self.forks -= 1
            self.writers.append(writer.fork())
        elif len(self.writers) > 3 and chance > 0.85:  # one of the homes finds out
            self.writers[-1] = self.writers[-1].successor(self.salts.randbytes(16))
        checkpoint, delete = self.random.random(), self.random.random()
        limit, most = self.random.choice(LIMITS), self.random.randrange(1, 9)
        if checkpoints and checkpoint < 0.25:
            writer.checkpoint(limit=limit, stores=[change for change in self.told(writer) if change["kind"] == "store_added"][-1:])
        if checkpoints and delete < 0.2:
            writer.delete_own([self.folder], most if delete < 0.1 else None)

    def told(self, writer):
        """The changes that this writer has read, its own included."""
        chains = [(writer.seq, writer), *writer.read_entries.values()]
        return [change for last, other in chains for entry in other.entries if entry[0] <= last for change in entry[4]]

    def own(self, writer, kind):
        """The own records with such a change, and what they name."""
        return [(entry[1], change["objects"]) for entry in writer.entries for change in entry[4] if change["kind"] == kind]

    def changes(self, writer):
        pick = self.random.choice
        model, tag, told = pick(MODELS), pick(TAGS), self.told(writer)
        named = [change for change in told if change["kind"] in ("committed", "replaced")]
        manifests = [{key: change[key] for key in ("model", "revision", "content", "structure")} for change in named]
        objects = [(pick((1, 2, 3)), bytes([self.random.randrange(6)]) * 32, *([b"s" * 16] if self.random.random() < 0.3 else []))
                   for _ in range(3)]
        kind = pick(("commit",) * 8 + ("prepared", "again", "untagged", "untagged", "removed", "removed", "replaced", "replaced", "rm tag",
                                       "rm model", "unread", "condemned", "condemned", "spared", "deleted", "store", "store", "slot", "policy",
                                       "later"))
        if kind in ("commit", "prepared") and self.unused:
            manifest = self.unused.pop()[2]
            return [prepared(manifest, tag)] + ([committed(manifest, tag)] if kind == "commit" else [])
        if kind == "again" and manifests:  # by an older program, or for another tag
            return [committed(pick(manifests), tag)]
        if kind == "untagged":
            return [untagged(model, tag)]
        if kind == "removed" and manifests:
            return [removed(pick(manifests))]
        if kind == "replaced" and manifests:
            old = pick(manifests)
            newer = [entry for entry in self.unused if entry[2]["revision"] == old["revision"]] if self.random.random() < 0.8 else []
            if newer:
                self.unused.remove(newer[0])
            return [replaced(old, newer[0][2] if newer else pick(manifests))]  # pick: of another revision, or in a circle
        if kind in ("rm tag", "rm model"):
            gone = [each for each in manifests if each["model"] == model]
            return ([untagged(model, tag)] if kind == "rm tag" else []) + ([removed(*gone)] if gone else [])
        if kind == "unread" and self.unused:  # what a writer removes that this one has not read of, or that nobody has committed yet
            return [removed(pick(self.unused)[2])]
        if kind == "condemned":
            return [condemned(*objects)]
        if kind == "spared" and self.own(writer, "condemned"):
            record, theirs = pick(self.own(writer, "condemned"))
            return [spared(record, pick(theirs), pick(objects))]
        if kind == "deleted" and self.own(writer, "condemned"):
            return [deleted(pick(self.own(writer, "condemned"))[0])]
        if kind == "store":
            store = {"kind": "store_removed", "store": bytes([0x50 + self.random.randrange(3)]) * 16}
            more = {"name": pick(("usb", "disk")), "url": "local:/mnt", "domain": "d", "capacity": 0, "state": pick((0, 0, 1, 2))}
            return [store if self.random.random() < 0.3 else dict(store, kind="store_added", **more)]
        if kind == "slot":
            slot = {"kind": "slot_removed", "slot": bytes([self.random.randrange(3)]) * 16}
            more = {"object": bytes([self.random.randrange(9)]) * 32, "secret": pick((1, 2, 3)), "epoch": 1, "public": bytes(32)}
            return [slot if self.random.random() < 0.3 else dict(slot, kind="slot_added", **more)]
        if kind == "policy":
            return [{"kind": "policy", "k": 4, "m": 2, "survive": pick((1, 2))}]
        if kind == "later":
            return [{"kind": "later", "may": True, "what": [{"deep": -1}, None, False]}]
        return []


def write_history(seed, batch, folder, **options):
    """Writes the history of this number into the folder, which must not be there. forks, checkpoints: False leaves them out. strange: True
    adds what readers may not understand. missed: the folder of a second store, which has all that was ever written, since it missed every
    deletion."""
    return History(seed, batch, Path(folder), **options)


def has_forks(number):
    return number % 2 == 0


def write_numbered(number, batch, folder):
    missed = folder / ("missed-%d" % number) if number % 5 == 0 else None
    write_history(number, batch, folder / ("history-%d" % number), forks=has_forks(number), missed=missed, strange=number % 3 == 0)
    if missed:
        forget_half(missed, number)


def forget_half(store, seed):
    """Takes away half of the log."""
    source = random.Random(seed)
    for path in sorted(path for kind in ("log", "checkpoint", "part") for path in (store / "mf1").glob(kind + "/*/*")):
        if source.random() < 0.5:
            path.unlink()


def state_of(folder, *more):
    """What the reader makes of it, as both readers say it. slots: [slot, object, kind, epoch]; stores by the names that the log gives."""
    rescue.note.cache_clear()
    stores = rescue.Stores([str(folder), *map(str, more)])
    pool = rescue.Pool(stores, rescue.open_pool(stores, 1, CODE))
    return {
        "models": {model: {name.hex(): manifest["revision"].hex() for name, manifest in manifests.items()}
                   for model, manifests in pool.models.items() if manifests},
        "tags": {"%s:%s" % key: manifest["content"].hex() for key, manifest in pool.tags.items()},
        "stores": {store.hex(): [change["name"], change["state"]] for store, change in pool.catalogue.items()},
        "slots": sorted([slot.hex(), change["object"].hex(), change["secret"], change["epoch"]] for slot, change in pool.slots.items()),
        "condemned": sorted(([kind, name.hex(), store and store.hex()] for kind, name, store in pool.condemned), key=str),
        "read_only": pool.read_only}


def numbered_states(folder):
    """(number, state) of each history that was written into the folder."""
    for number in sorted(int(path.name.partition("-")[2]) for path in folder.glob("history-*")):
        stores = (folder / (kind + str(number)) for kind in ("history-", "missed-"))
        yield number, state_of(*(store for store in stores if store.exists()))


def main(arguments):
    if arguments[:1] == ["write"]:
        folder, count, first = Path(arguments[1]), int(arguments[2]), int((arguments + ["0"])[3])
        batch = Batch(folder)
        for seed in range(first, first + count):
            write_numbered(seed, batch, folder)
    else:
        for number, state in numbered_states(Path(arguments[1])):
            print(json.dumps({"history": number, **state}, sort_keys=True))


sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import rescue  # noqa: E402

if __name__ == "__main__":
    main(sys.argv[1:])
