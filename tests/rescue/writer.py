"""A minimal writer of MF1 for the tests: written from docs/formats/mf1.md, shares no code with tools/rescue.py."""
import base64
import functools
import hashlib
import struct
from pathlib import Path

import cbor2
import zstandard
from blake3 import blake3
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LABELS = {1: b"sealing", 2: b"structure", 3: b"content", 4: b"log", 5: b"log"}
FOLDERS = {1: "shard", 2: "structure", 3: "content", 4: "log", 5: "checkpoint", 6: "slot"}
AES, CHACHA = 1, 2
RAW, ZSTD = 0, 1


def H(data):
    return blake3(data).digest()


def hkdf(ikm, salt, info, length):
    return HKDF(hashes.SHA256(), length, salt, info).derive(ikm)


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
        self.suite = suite
        self.pool_id = random.randbytes(16)
        self.epoch = 1
        self.roots = {1: random.randbytes(32)}
        self.turn = 0
        for i, folder in enumerate(self.folders):
            start = b"MFLT\1\7\0\0" + self.pool_id[:8] + bytes([i]) * 16
            (folder / "mf1").mkdir(parents=True)
            (folder / "mf1/marker").write_bytes(start + H(start))

    def key(self, label, epoch=None):
        return hkdf(self.roots[epoch or self.epoch], self.pool_id, b"modelfloat/mf1/key/" + label, 32)

    def fragment_id(self, data, epoch=None):
        return blake3(data, key=self.key(b"fragment-id", epoch)).digest()

    def put(self, object_type, data, folders=None):
        digits = H(data).hex()
        for folder in self.folders if folders is None else folders:
            path = folder / "mf1" / FOLDERS[object_type] / digits[:2] / digits
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
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

    def document_bytes(self, object_type, value, canonical=True):
        salt = self.random.randbytes(32)
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

    # Slots

    def slot(self, kind, secret, memory=64, passes=1, epoch=None):
        """Writes a slot; memory and passes count for kind 2 only."""
        epoch = epoch or self.epoch
        salt, slot_id, nonce = (self.random.randbytes(n) for n in (32, 16, 24))
        if kind == 2:
            secret = Argon2id(salt=salt[:16], length=32, iterations=passes, lanes=1, memory_cost=memory).derive(secret)
        else:
            memory = passes = 0
        keys = hkdf(secret, salt, b"modelfloat/mf1/slot" + bytes([kind]), 64)
        head = b"MFLT" + bytes([1, 6, 1, kind]) + struct.pack("<III", epoch, memory, passes) + self.pool_id + slot_id + salt + keys[32:] + nonce
        body = head + xchacha_seal(keys[:32], nonce, self.roots[epoch], head)
        assert len(body) == 188
        return self.put(6, body + H(body)[:16])

    def new_epoch(self):
        """A new root key; gives the change that tells it."""
        old, self.epoch = self.roots[self.epoch], self.epoch + 1
        self.roots[self.epoch] = self.random.randbytes(32)
        nonce = self.random.randbytes(24)
        wrapped = xchacha_seal(self.key(b"older-epochs"), nonce, old, self.pool_id + self.epoch.to_bytes(4, "little"))
        return {"kind": "epoch", "epoch": self.epoch, "nonce": nonce, "wrapped": wrapped}

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

    def manifest(self, model, files, segments, changed=()):
        """files: [(path, bytes, number of fragments)]; segments: [(packs, fragments)] as MF1 writes them. Gives what a change says."""
        roots, structures = [], []
        for packs, fragments in segments:
            structures.append(self.document(2, {"kind": "segment", "packs": packs}))
            roots.append(self.document(3, {"kind": "segment", "structure": structures[-1], "packs": [p[0] for p in packs], "fragments": fragments}))
        structure = self.document(2, {"kind": "root", "segments": structures, "survive": 2})
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
    """One chain of the log."""

    def __init__(self, pool, name):
        self.pool, self.name = pool, name
        self.seq, self.previous, self.heads = 0, bytes(32), {}
        self.entries, self.hashes = [], {}

    def read(self, *others):
        """From now on this writer has read all of the others' records."""
        for other in others:
            self.heads[other.name] = [other.seq, other.previous]

    def record(self, *changes, seq=None, writer=None):
        self.seq = seq or self.seq + 1
        value = {"writer": writer or self.name, "seq": self.seq, "previous": self.previous, "heads": dict(self.heads), "time": 0,
                 "changes": list(changes)}
        data = self.pool.document_bytes(4, value)
        self.put(4, data)
        self.previous = self.hashes[self.seq] = H(data)
        self.entries.append([self.seq, H(data), dict(self.heads), 0, list(changes)])
        return H(data)

    def checkpoint(self, entries=None, seq=None, stores=()):
        seq = seq or self.seq
        value = {"writer": self.name, "seq": seq, "hash": self.hashes.get(seq, bytes(32)), "stores": list(stores),
                 "records": self.entries if entries is None else entries}
        return self.put(5, self.pool.document_bytes(5, value), seq)

    def put(self, object_type, data, seq=None):
        for folder in self.pool.folders:
            path = folder / "mf1" / FOLDERS[object_type] / self.name.hex() / ("%016x-%s" % (seq or self.seq, H(data).hex()))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return path

    def drop(self, seq):
        """Takes the record from every store."""
        for folder in self.pool.folders:
            for path in (folder / "mf1/log" / self.name.hex()).glob("%016x-*" % seq):
                path.unlink()


def committed(manifest, tag="latest"):
    return dict(manifest, kind="committed", tag=tag)


def prepared(manifest, tag="latest"):
    return dict(manifest, kind="prepared", tag=tag)


def untagged(model, tag="latest"):
    return {"kind": "untagged", "model": model, "tag": tag}


def removed(*manifests):
    return {"kind": "removed", "model": manifests[0]["model"], "manifests": [m["content"] for m in manifests]}
