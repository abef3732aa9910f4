"""A minimal writer of MF1 for the tests: written from docs/formats/mf1.md, shares no code with tools/rescue.py."""
import base64
import copy
import functools
import hashlib
import struct
from pathlib import Path

import cbor2
import zstandard
from blake3 import blake3
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LABELS = {1: b"sealing", 2: b"structure", 3: b"content", 4: b"log", 5: b"log", 8: b"log"}
FOLDERS = {1: "shard", 2: "structure", 3: "content", 4: "log", 5: "checkpoint", 6: "slot", 8: "part"}
AES, CHACHA = 1, 2
RAW, ZSTD = 0, 1


def H(data):
    return blake3(data).digest()


def hkdf(ikm, salt, info, length):
    return HKDF(hashes.SHA256(), length, salt, info).derive(ikm)


@functools.lru_cache(maxsize=None)
def sub_key(root, pool_id, label):
    return hkdf(root, pool_id, b"modelfloat/mf1/key/" + label, 32)


def write(path, data):
    try:
        path.write_bytes(data)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def gf_times(a, b):
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = (a << 1) ^ (0x11D if a & 0x80 else 0)
        b >>= 1
    return product


@functools.lru_cache(maxsize=None)
def gf_table(a):
    return bytes(gf_times(a, x) for x in range(256))


@functools.lru_cache(maxsize=None)
def gf_inverse(a):
    return next(b for b in range(256) if gf_times(a, b) == 1)


def padme(x):
    if x < 2:
        return x
    e = x.bit_length() - 1
    b = e.bit_length()
    mask = (1 << (e - b)) - 1
    return (x + mask) & ~mask


def xchacha_seal(key, nonce, plain, associated):
    """XChaCha20 by way of the raw ChaCha20 of `cryptography`: HChaCha20 is its key stream less the input words."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

    stream = Cipher(algorithms.ChaCha20(key, nonce[:16]), mode=None).encryptor().update(bytes(64))
    start = struct.unpack("<16I", b"expand 32-byte k" + key + nonce[:16])
    words = [(x - y) % (1 << 32) for x, y in zip(struct.unpack("<16I", stream), start)]
    return ChaCha20Poly1305(struct.pack("<8I", *words[:4], *words[12:])).encrypt(bytes(4) + nonce[16:], plain, associated)


def recovery_code_text(code):
    check = hashlib.sha256(b"modelfloat/mf1/recovery-code" + code).digest()[:3]
    letters = base64.b32encode(code + check).decode().lower()
    return "-".join(letters[i:i + 7] for i in range(0, 56, 7))


def raw(data):
    return data, RAW, 0


def zstd(data, level=3):
    packed = zstandard.ZstdCompressor(level=level).compress(data)
    return (packed, ZSTD, level) if len(packed) < len(data) else raw(data)


class Pool:
    """A pool over some folders. Documents go to every folder, the shards of a pack to one folder each."""

    def __init__(self, folders, random, suite=AES):
        self.folders = [Path(folder) for folder in folders]
        self.random = random  # a random.Random: runs are the same each time
        self.suite, self.turn = suite, 0
        self.pool_id = random.randbytes(16)
        self.epoch, self.root = 1, random.randbytes(32)
        self.roots = {1: [self.root]}  # epoch -> all root keys of this number
        self.secrets = {}  # (kind, secret) -> what all its slots have in common
        self.mark()

    def mark(self):
        for i, folder in enumerate(self.folders):
            start = b"MFLT\1\7\0\0" + self.pool_id[:8] + bytes([i]) * 16
            (folder / "mf1").mkdir(parents=True)
            (folder / "mf1/marker").write_bytes(start + H(start))

    def over(self, folders, random):
        """The same pool over other folders, which get nothing but markers."""
        other = copy.copy(self)
        other.folders, other.random = [Path(folder) for folder in folders], random
        other.mark()
        return other

    def key(self, label):
        return sub_key(self.root, self.pool_id, label)

    def fragment_id(self, data):
        return blake3(data, key=self.key(b"fragment-id")).digest()

    def put(self, object_type, data, folders=None):
        digits = H(data).hex()
        for folder in self.folders if folders is None else folders:
            write(folder / "mf1" / FOLDERS[object_type] / digits[:2] / digits, data)
        return H(data)

    # Sealing

    def sealer(self, object_type, salt):
        info = b"modelfloat/mf1/seal" + bytes([object_type, self.suite])
        keys = hkdf(self.key(LABELS[object_type]), salt, info, 64)
        cipher = {AES: AESGCM, CHACHA: ChaCha20Poly1305}[self.suite](keys[:32])

        def seal(number, plain, codec=0, parameter=0, fragment_id=bytes(32), plain_length=None):
            associated = b"MFLT" + bytes([1, self.suite, object_type, codec]) + self.epoch.to_bytes(4, "little")
            associated += number.to_bytes(4, "little") + self.pool_id + salt + fragment_id
            associated += (len(plain) if plain_length is None else plain_length).to_bytes(4, "little") + bytes([parameter, 0, 0, 0])
            return cipher.encrypt(number.to_bytes(4, "little") + bytes(8), plain, associated + bytes(32))

        return seal, keys[32:]

    def document_bytes(self, object_type, value, canonical=True, salt=None):
        salt = salt or self.random.randbytes(32)
        seal, commitment = self.sealer(object_type, salt)
        cbor = cbor2.dumps(value, canonical=canonical)
        packed = zstandard.ZstdCompressor().compress(cbor)
        plain = struct.pack("<II", len(cbor), len(packed)) + packed
        plain += bytes(padme(len(plain)) - len(plain))
        sealed = seal(0, plain)
        head = b"MFLT" + bytes([1, object_type, self.suite, 0]) + struct.pack("<I4xQ", self.epoch, len(sealed))
        return head + self.pool_id[:8] + salt + commitment + sealed

    def document(self, object_type, value):
        return self.put(object_type, self.document_bytes(object_type, value))

    # Slots and epochs

    def slot(self, kind, secret, memory=64, passes=1, private=None):
        """Writes a slot for the root key in use; memory and passes count for kind 2 only. Gives the change that tells it."""
        slot_id, salt, memory, passes = self.secrets.setdefault((kind, secret), (
            self.random.randbytes(16), self.random.randbytes(32), memory if kind == 2 else 0, passes if kind == 2 else 0))
        if kind == 2:
            secret = Argon2id(salt=salt[:16], length=32, iterations=passes, lanes=1, memory_cost=memory).derive(secret)
        p = X25519PrivateKey.from_private_bytes(hkdf(secret, salt, b"modelfloat/mf1/slot-key" + bytes([kind]), 32))
        e = X25519PrivateKey.from_private_bytes(private or self.random.randbytes(32))
        public, box = p.public_key().public_bytes_raw(), e.public_key().public_bytes_raw()
        keys = hkdf(e.exchange(X25519PublicKey.from_public_bytes(public)), salt, b"modelfloat/mf1/slot" + bytes([kind]) + box + public, 64)
        nonce = self.random.randbytes(24)
        head = b"MFLT" + bytes([1, 6, 2, kind]) + struct.pack("<III", self.epoch, memory, passes)
        head += self.pool_id + slot_id + salt + keys[32:] + nonce + box
        body = head + xchacha_seal(keys[:32], nonce, self.root, head)
        assert len(body) == 220
        return {"kind": "slot_added", "slot": slot_id, "object": self.put(6, body + H(body)[:16]), "secret": kind, "epoch": self.epoch,
                "public": public}

    def use(self, epoch, which=-1):  # goes back to another root key, as a machine that has not read of the newer ones
        self.epoch, self.root = epoch, self.roots[epoch][which]

    def new_epoch(self):
        """A new root key; gives the change that tells it, with all root keys of smaller numbers."""
        self.epoch, self.root = self.epoch + 1, self.random.randbytes(32)
        self.roots.setdefault(self.epoch, []).append(self.root)
        wrapped = []
        for number in range(self.epoch - 1, 0, -1):
            for old in self.roots.get(number, ()):
                nonce, numbers = self.random.randbytes(24), struct.pack("<II", self.epoch, number)
                wrapped.append([number, nonce, xchacha_seal(self.key(b"older-epochs"), nonce, old, self.pool_id + numbers)])
        return {"kind": "epoch", "epoch": self.epoch, "wrapped": wrapped}

    # Packs

    def pack(self, pieces, k, m, slice_length=None, extra_parities=0):
        """Writes a pack of plain pieces [(bytes, encode)]; gives (structure entry, {id: fragment entry without pack number})."""
        salt = self.random.randbytes(32)
        seal, commitment = self.sealer(1, salt)
        frames, index, entries, offset = [], b"", {}, 0
        for number, (plain, encode) in enumerate(pieces):
            encoded, codec, parameter = encode(plain)
            name = self.fragment_id(plain)
            frame = seal(number, encoded, codec, parameter, name, len(plain))
            entries[name] = [name, len(plain), codec, parameter, None, offset, len(frame), number]
            index += name + bytes(32) + struct.pack("<IIBBH", len(plain), len(frame), codec, parameter, 0)
            frames.append(frame)
            offset += len(frame)
        sealed_index = seal(0xFFFFFFFD, index)
        least = offset + len(sealed_index) + 16 + 32
        length = slice_length or -(-padme(-(-least // k)) // 64) * 64
        padding = seal(0xFFFFFFFE, bytes(k * length - least))
        locator = seal(0xFFFFFFFF, struct.pack("<QQ", offset, len(sealed_index)))
        data = b"".join(frames) + sealed_index + padding + locator
        assert len(data) == k * length
        slices = [data[i * length:(i + 1) * length] for i in range(k)]
        for i in range(k, k + m + extra_parities) if k > 1 else ():
            total = 0
            for j in range(k):
                total ^= int.from_bytes(slices[j].translate(gf_table(gf_inverse(i ^ j))), "big")
            slices.append(total.to_bytes(length, "big"))
        names = []
        for i, part in enumerate(slices):
            head = b"MFLT" + bytes([1, 1, self.suite, 0]) + struct.pack("<IBBBBQ", self.epoch, i, k, m, 0, length)
            shard = head + self.pool_id[:8] + salt + commitment + part
            copies = 1 + m if k == 1 else 1
            names.append(self.put(1, shard, [self.folders[(self.turn + i + c) % len(self.folders)] for c in range(copies)]))
        self.turn += 1
        return [salt, self.epoch, self.suite, k, m, length, m, names[:k + m] if k > 1 else names], entries

    # Manifests

    def manifest(self, model, files, segments, changed=(), changed_structure={}, bases=()):
        """files: [(path, bytes, number of fragments)]; segments: [(packs, fragments)] as MF1 writes them. Gives what a change says."""
        roots, structures = [], []
        for packs, fragments in segments:
            structures.append(self.document(2, {"kind": "segment", "packs": packs}))
            segment = {"kind": "segment", "structure": structures[-1], "packs": [p[0] for p in packs], "fragments": fragments}
            roots.append(self.document(3, dict(segment, bases=list(bases)) if bases else segment))
        structure = self.document(2, dict({"kind": "root", "segments": structures, "contents": roots, "survive": 2}, **changed_structure))
        listed = [{"path": path, "size": len(data), "sha256": hashlib.sha256(data).digest(), "git_oid": bytes(20),
                   "cutter": "fixed", "format": "opaque", "fragments": count} for path, data, count in files]
        revision = hashlib.sha256(cbor2.dumps([[f["path"], f["size"], f["sha256"]] for f in listed])).digest()[:20]
        root = {"kind": "root", "structure": structure, "model": model, "revision": revision, "created_at": 1_700_000_000,
                "epoch": self.epoch, "card": {"description": "x"}, "files": listed, "segments": roots}
        root.update(changed)
        return {"model": model, "revision": revision, "content": self.document(3, root), "structure": structure}

    def push(self, model, files, k=4, m=2, piece=5000, encode=zstd, pieces_per_pack=8, per_segment=20):
        """Writes files {path: bytes} as a model; k = 0 puts the fragments in the manifest. Gives what a change says."""
        listed, order, plain = [], [], {}
        for path, data in sorted(files.items(), key=lambda item: item[0].encode()):
            pieces = [data[i:i + piece] for i in range(0, len(data), piece)]
            listed.append((path, data, len(pieces)))
            for part in pieces:
                order.append(self.fragment_id(part))
                plain[order[-1]] = part
        distinct = list(dict.fromkeys(order))
        home = {}  # id -> (pack or None, entry)
        if k == 0:
            for name in distinct:
                encoded, codec, parameter = encode(plain[name])
                home[name] = (None, [name, len(plain[name]), codec, parameter, encoded])
        for start in range(0, len(distinct) if k else 0, pieces_per_pack):
            pack, entries = self.pack([(plain[name], encode) for name in distinct[start:start + pieces_per_pack]], k, m)
            home.update((name, (pack, entry)) for name, entry in entries.items())
        segments = []
        for start in range(0, len(order), per_segment):
            packs, fragments = [], []
            for name in order[start:start + per_segment]:
                pack, entry = home[name]
                if pack and pack not in packs:
                    packs.append(pack)
                fragments.append(entry[:4] + [packs.index(pack)] + entry[5:] if pack else entry)
            segments.append((packs, fragments))
        return self.manifest(model, listed, segments)


class Writer:
    """One chain of the log, and what its writer knows of the others."""

    def __init__(self, pool, name):
        self.pool, self.name = pool, name
        self.seq, self.previous = 0, bytes(32)
        self.known = {}  # other -> [seq, H]: all that this writer knows, whether it has read it or not
        self.heads = {}  # what of it no record of this chain says yet
        self.hashes, self.entries, self.knew = {}, [], {0: {}}  # of the own records: H by seq; as in parts; what was known then
        self.read_entries = {}  # other -> how many of its entries were read, and the entries
        self.checkpoints, self.written = [], []  # (seq, H, parts: last number -> (H, entries)); (type, seq, H, path)

    def read(self, *others, seq=None):
        """From now on this writer has read the others' records (up to seq), and knows what they know."""
        for other in others:
            last = other.seq if seq is None else min(seq, other.seq)
            heads = dict(other.knew[last])
            if last:
                heads[other.name] = [last, other.hashes[last]]
            for name, head in heads.items():
                if name != self.name and head[0] > self.known.get(name, [0])[0]:
                    self.known[name] = self.heads[name] = head
            if last > self.read_entries.get(id(other), (0,))[0]:
                self.read_entries[id(other)] = (last, other)

    def fork(self):
        """Another machine that goes on from here under the same name."""
        twin = copy.copy(self)
        for field in ("known", "heads", "hashes", "entries", "knew", "read_entries", "checkpoints", "written"):
            setattr(twin, field, copy.copy(getattr(self, field)))
        return twin

    def successor(self, name):
        """The new writer that a home becomes, when it finds that its chain is a fork."""
        other = Writer(self.pool, name)
        other.read(self)
        for last, chain in self.read_entries.values():
            other.read(chain, seq=last)
        return other

    def record(self, *changes, seq=None, writer=None, heads=None, salt=None, **more):
        self.seq = seq or self.seq + 1
        heads, self.heads = dict(self.heads if heads is None else heads), {}
        value = {"writer": writer or self.name, "seq": self.seq, "previous": self.previous, "heads": heads, "time": 0}
        data = self.pool.document_bytes(4, dict(value, changes=list(changes), **more), salt=salt)
        self.put(4, data)
        self.previous = self.hashes[self.seq] = H(data)
        self.knew[self.seq] = dict(self.known)
        self.entries.append([self.seq, H(data), heads, 0, list(changes), *([more["must"]] if "must" in more else [])])
        return H(data)

    # Checkpoints: section 9.5

    def kept_entries(self):
        """The own records, less what may be left out."""
        own = [change for entry in self.entries for change in entry[4]]
        read = [entry for last, other in self.read_entries.values() for entry in other.entries if entry[0] <= last]
        read = own + [change for entry in read for change in entry[4]]
        dead = {name for change in read if change["kind"] == "removed" for name in change["manifests"]}
        done = dead | {change["content"] for change in own if change["kind"] == "committed"}
        mine = {entry[1] for entry in self.entries if any(change["kind"] == "condemned" for change in entry[4])}
        gone = {name for change in own if change["kind"] == "deleted" for name in change["records"]}

        def stays(name, change):
            return not {
                "prepared": lambda: change["content"] in done, "committed": lambda: change["content"] in dead,
                "replaced": lambda: change["old"] in dead, "condemned": lambda: name in gone,
                "spared": lambda: change["record"] in gone & mine, "deleted": lambda: mine.issuperset(change["records"]),
            }.get(change["kind"], lambda: False)()

        kept, heads = [], {}
        for seq, name, own_heads, time, changes, *must in self.entries:
            changes = [change for change in changes if stays(name, change)]
            heads = {**heads, **own_heads}
            if changes or seq == self.seq:
                kept.append([seq, name, heads, time, changes, *must])
                heads = {}
        return kept

    def checkpoint(self, entries=None, seq=None, stores=(), limit=1 << 22, **more):
        """Writes a checkpoint, and those of its parts that the one before does not have. limit: bytes of CBOR in a part."""
        seq = seq or self.seq
        before_seq, before_name, old = self.checkpoints[-1] if self.checkpoints else (0, None, {})
        parts = {}
        for chunk in self.chunks(self.kept_entries() if entries is None else entries, sorted(old)[:-1], limit):
            last = chunk[-1][0]
            parts[last] = old[last] if last in old and old[last][1] == chunk else (self.part(chunk), chunk)
        value = {"writer": self.name, "seq": seq, "hash": self.hashes.get(seq, bytes(32)), "stores": list(stores),
                 "records": [self.hashes[n] for n in range(before_seq + 1, seq + 1) if n in self.hashes],
                 "parts": [[last, name] for last, (name, _) in parts.items()]}
        data = self.pool.document_bytes(5, {**value, **({"before": [before_seq, before_name]} if before_name else {}), **more})
        self.checkpoints.append((seq, H(data), parts))
        return self.put(5, data, seq)

    @staticmethod
    def chunks(entries, bounds, limit):
        """The entries as parts: with the bounds of old parts, the last of which may grow, and none above the limit."""
        chunk, size = [], 100
        for entry in entries:
            more = len(cbor2.dumps(entry))
            if chunk and (size + more > limit or any(chunk[-1][0] <= bound < entry[0] for bound in bounds)):
                yield chunk
                chunk, size = [], 100
            chunk, size = chunk + [entry], size + more
        if chunk:
            yield chunk

    def part(self, entries, **more):
        data = self.pool.document_bytes(8, dict({"writer": self.name, "seq": entries[-1][0], "records": entries}, **more))
        self.put(8, data, entries[-1][0])
        return H(data)

    def put(self, object_type, data, seq=None):
        name = "mf1/%s/%s/%016x-%s" % (FOLDERS[object_type], self.name.hex(), seq or self.seq, H(data).hex())
        self.written.append((object_type, seq or self.seq, H(data), name))
        for folder in self.pool.folders:
            write(folder / name, data)
        return self.pool.folders[-1] / name

    def drop(self, seq):
        """Takes the record from every store."""
        for path in [path for folder in self.pool.folders for path in folder.glob("mf1/log/%s/%016x-*" % (self.name.hex(), seq))]:
            path.unlink()

    def delete_own(self, folders=None, most=None):
        """What section 9.6 allows, from these stores; most: stops after as many objects."""
        if len(self.checkpoints) < 2:
            return
        kept = self.checkpoints[-2:]
        names = {name for _, name, _ in kept} | {name for _, _, parts in kept for name, _ in parts.values()}
        old = [each for each in self.written if each[2] not in names and (each[0] != 4 or each[1] <= kept[0][0])]
        for _, _, _, path in sorted(old, key=lambda each: each[1])[:most]:
            for folder in self.pool.folders if folders is None else folders:
                (folder / path).unlink(missing_ok=True)


def committed(manifest, tag="latest"):
    return dict(manifest, kind="committed", tag=tag)


def prepared(manifest, tag="latest"):
    return dict(manifest, kind="prepared", tag=tag)


def untagged(model, tag="latest"):
    return {"kind": "untagged", "model": model, "tag": tag}


def removed(*manifests):
    return {"kind": "removed", "model": manifests[0]["model"], "manifests": [m["content"] for m in manifests]}


def replaced(old, manifest):
    return dict(manifest, kind="replaced", old=old["content"])


def condemned(*objects, grace=86400):
    return {"kind": "condemned", "objects": [list(entry) for entry in objects], "grace": grace}


def spared(record, *objects):
    return {"kind": "spared", "record": record, "objects": [list(entry) for entry in objects]}


def deleted(*records):
    return {"kind": "deleted", "records": list(records)}
