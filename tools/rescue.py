#!/usr/bin/env python3
"""Gets models back from ModelFloat stores, without ModelFloat.

  rescue.py --store DIR [--store DIR ...] SECRET list
  rescue.py --store DIR [--store DIR ...] SECRET restore NAME[:TAG] -o DIR

SECRET is one of --recovery-code-file F, --passphrase-file F, --key-file F. NAME@REVISION (or its first digits) restores a
revision by its id. Without a tag, "latest" is meant, or the only tag there is. It only reads the stores; any that together
hold enough will do. What is damaged is named on stderr and read around. DIR of -o must not exist yet, or be empty.

Exit code: 0 done, 1 the output cannot be written, 2 wrong use, 3 no such model or tag, 5 too little is left, 7 wrong secret.

The format is docs/formats/mf1.md of ModelFloat; "section N" below means a section of that page.
Needs Python 3.9 or later and, from PyPI: cryptography (44 or later), blake3, zstandard, cbor2.
"""
import argparse, base64, bisect, collections, datetime, functools, hashlib, hmac, os, re, shutil, signal, struct, sys, tempfile

try:
    import cbor2, zstandard
    from blake3 import blake3
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
except ImportError as error:
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__)
        sys.exit(0)
    print(f"rescue: {error}: run `pip install 'cryptography>=44' blake3 zstandard cbor2`", file=sys.stderr)
    sys.exit(2)

SHARD, STRUCTURE, CONTENT, LOG, CHECKPOINT, SLOT, MARKER, PART = range(1, 9)
FOLDERS = {SHARD: "shard", STRUCTURE: "structure", CONTENT: "content", LOG: "log", CHECKPOINT: "checkpoint", SLOT: "slot", PART: "part"}
TYPE_KEYS = {SHARD: "sealing", STRUCTURE: "structure", CONTENT: "content", LOG: "log", CHECKPOINT: "log", PART: "log"}
SUITES = {1: AESGCM, 2: ChaCha20Poly1305}
RAW, ZSTD = 0, 1
SECRET_KINDS = {1: "recovery code", 2: "passphrase", 3: "key file"}
HEADER = struct.Struct("<4sBBBBIBBBBQ8s32s32s")  # of every sealed object: sections 7 and 8
SLOT_HEADER = struct.Struct("<4sBBBBIII16s16s32s32s24s32s48s16s")  # section 6
ZERO_32 = bytes(32)
MAX_FRAGMENT, MAX_CBOR, MAX_OBJECT, MAX_PACKS_IN_MEMORY = 1 << 20, 1 << 26, 1 << 30, 512 << 20


class Failure(Exception):
    """The end of this run: an exit code and what to tell the person."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Damaged(Exception):
    """One object cannot be used; others may still do."""


class NoKey(Damaged):
    """An object that cannot be opened (yet): its root key is not known, or it is of a format, suite or pool that is not."""


class NotUnderstood(Failure):
    """A document that asks for more understanding than this reader has."""


@functools.lru_cache(maxsize=None)  # says each thing once
def note(message):
    print("rescue: " + shown(message), file=sys.stderr)


def shown(text):
    return "".join(c if c.isprintable() or c == "\n" else "\\x%02x" % ord(c) for c in text)


def check(condition, complaint, problem=Damaged):
    if not condition:
        raise problem(complaint)


def need(value, kind, length=None):
    """value, when it is of the kind (and length) that section 8 or 9 says."""
    good = isinstance(value, kind) and not isinstance(value, bool)
    good = good and (kind is not int or 0 <= value < 1 << 64) and (length is None or len(value) == length)
    check(good, "does not have the content that its type must have")
    return value


def unknown_must(names):
    """The names that have to be understood before a map is acted on, as one text; this reader knows none: section 8."""
    return ", ".join(need(name, str) for name in need(names, list))


def H(data):
    return blake3(data).digest()


# Secrets and keys: sections 4 to 6


def hkdf(ikm, salt, info, length):
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(ikm)


def hchacha20(key, nonce):
    words = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))

    def quarter(a, b, c, d):
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            words[x] = (words[x] + words[y]) & 0xFFFFFFFF
            mixed = words[z] ^ words[x]
            words[z] = (mixed << turn | mixed >> (32 - turn)) & 0xFFFFFFFF

    for _ in range(10):
        for column in range(4):
            quarter(column, column + 4, column + 8, column + 12)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<8I", *words[:4], *words[12:])


def xchacha20_poly1305_open(key, nonce, sealed, associated):
    return ChaCha20Poly1305(hchacha20(key, nonce[:16])).decrypt(bytes(4) + nonce[16:], sealed, associated)


def read_secret(kind, path):
    try:
        with open(path, "rb") as file:
            given = file.read(1 << 20)
    except OSError as error:
        raise Failure(2, "cannot read the secret: %s" % error)
    if kind == 2:
        return re.sub(rb"\r?\n\Z", b"", given)
    if kind == 3:
        match = re.fullmatch(rb"modelfloat-key-1 ([0-9a-fA-F]{64})\s*", given)
        if not match:
            raise Failure(7, "%s is no ModelFloat key file" % path)
        return bytes.fromhex(match[1].decode())
    try:
        raw = base64.b32decode(re.sub(rb"[\s-]", b"", given).upper())
    except ValueError:
        raw = b""
    if len(raw) != 35 or hashlib.sha256(b"modelfloat/mf1/recovery-code" + raw[:32]).digest()[:3] != raw[32:]:
        raise Failure(7, "the recovery code is mistyped: it has 56 letters and digits, and a check sum that does not fit")
    return raw[:32]


@functools.lru_cache(maxsize=None)
def stretch(passphrase, salt, memory, passes):
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    return Argon2id(salt=salt[:16], length=32, iterations=passes, lanes=1, memory_cost=memory).derive(passphrase)


def open_slot(data, kind, secret):
    """(pool id, epoch, root key) of a slot; None when it is of another secret, kind or cipher; Damaged when it cannot be."""
    check(len(data) > 7 and data[:6] == b"MFLT\1\6", "is no slot of format 1")
    if data[6] != 2:
        return None
    check(len(data) == SLOT_HEADER.size, "has not the length of a slot")
    _, _, _, _, slot_kind, epoch, memory, passes, pool_id, _, salt, commitment, nonce, public, wrapped, checksum = SLOT_HEADER.unpack(data)
    check(H(data[:220])[:16] == checksum, "has a wrong check sum")
    if slot_kind not in SECRET_KINDS:
        return None
    costs = 8 <= memory <= 1 << 20 and 1 <= passes <= 10 if slot_kind == 2 else (memory, passes) == (0, 0)
    check(epoch and costs, "is of epoch 0, or asks for impossible memory or passes")
    if slot_kind != kind:
        return None
    if kind == 2:
        secret = stretch(secret, salt, memory, passes)
    private = X25519PrivateKey.from_private_bytes(hkdf(secret, salt, b"modelfloat/mf1/slot-key" + bytes([kind]), 32))
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise Damaged("has a public half that fits every secret")
    info = b"modelfloat/mf1/slot" + bytes([kind]) + public + private.public_key().public_bytes_raw()
    keys = hkdf(shared, salt, info, 64)
    if not hmac.compare_digest(keys[32:], commitment):
        return None
    try:
        return pool_id, epoch, xchacha20_poly1305_open(keys[:32], nonce, wrapped, data[:172])
    except InvalidTag:
        raise Damaged("does not open, though the secret fits")


class Keys:
    """The root keys of one pool, and what is made from them."""

    def __init__(self, pool_id):
        self.pool_id = pool_id
        self.roots = collections.defaultdict(list)  # epoch -> its root keys: several where two machines began it at once

    @functools.lru_cache(maxsize=None)
    def sub_key(self, root, label):
        return hkdf(root, self.pool_id, b"modelfloat/mf1/key/" + label.encode(), 32)

    def header(self, data, object_type):
        """The header of a sealed object and the function that opens its frames."""
        check(len(data) >= HEADER.size, "is too short")
        (magic, version, kind, suite, zero_a, epoch, i, k, m, zero_b, length, pool_tag, salt, commitment) = HEADER.unpack_from(data)
        check(magic == b"MFLT", "is no %s of format 1" % FOLDERS[object_type])
        check(version == 1, "is of format %d, which this reader does not know" % version, NoKey)
        check(kind == object_type, "is no %s of format 1" % FOLDERS[object_type])
        check(suite in SUITES, "has a suite that this reader does not know", NoKey)
        check(zero_a == zero_b == 0 < epoch, "has a header that makes no sense")
        if object_type != SHARD:
            check(24 <= length == len(data) - HEADER.size and (i, k, m) == (0, 0, 0), "has a wrong header")
        check(pool_tag == self.pool_id[:8], "belongs to another pool", NoKey)
        info = b"modelfloat/mf1/seal" + bytes([object_type, suite])
        for root in self.roots.get(epoch, ()):
            keys = hkdf(self.sub_key(root, TYPE_KEYS[object_type]), salt, info, 64)
            if hmac.compare_digest(keys[32:], commitment):
                break
        else:
            raise NoKey("is of epoch %d, whose key this secret does not give" % epoch)
        cipher = SUITES[suite](keys[:32])

        def open_frame(number, sealed, plain_length, codec=0, parameter=0, fragment_id=ZERO_32):
            associated = struct.pack("<4sBBBBII16s32s32sIB3x32s", b"MFLT", 1, suite, object_type, codec, epoch, number,
                                     self.pool_id, salt, fragment_id, plain_length, parameter, ZERO_32)
            try:
                return cipher.decrypt(struct.pack("<I8x", number), sealed, associated)
            except InvalidTag:
                raise Damaged("has a frame (%d) that does not open" % number)

        return Header(suite, epoch, i, k, m, length, salt, root, open_frame)

    def document(self, data, object_type):
        """What a structure, content or log object, a checkpoint or a part of one says: section 8."""
        head = self.header(data, object_type)
        plain = head.open_frame(0, data[HEADER.size:], head.length - 16)
        cbor_length, zstd_length = struct.unpack_from("<II", plain)
        check(cbor_length <= MAX_CBOR and 8 + zstd_length <= len(plain), "has impossible lengths inside")
        check(not plain[8 + zstd_length:].strip(b"\0"), "has padding that is not zero")
        try:
            return need(cbor2.loads(unzstd(plain[8:8 + zstd_length], cbor_length)), dict)
        except (cbor2.CBORDecodeError, ValueError) as error:
            raise Damaged("holds no CBOR: %s" % error)


Header = collections.namedtuple("Header", "suite epoch i k m length salt root open_frame")


def unzstd(data, length):
    try:
        plain = zstandard.ZstdDecompressor().stream_reader(data).read(length + 1)
    except zstandard.ZstdError as error:
        raise Damaged("does not decompress: %s" % error)
    check(len(plain) == length, "does not decompress to its length")
    return plain


# Stores: section 2


class Stores:
    """Folders that hold objects under the names of section 2. Copies that are not what their name says are noted and passed over."""

    def __init__(self, folders):
        self.folders = [folder for folder in folders if os.path.isdir(os.path.join(folder, "mf1"))]
        for folder in folders:
            if folder not in self.folders:
                note("no store in %s: going on without it" % folder)

    def marker(self, folder):
        """(pool tag, store id), or None."""
        try:
            with open(os.path.join(folder, "mf1", "marker"), "rb") as file:
                data = file.read(65)
        except OSError:
            return None
        good = len(data) == 64 and data[:8] == b"MFLT\1\7\0\0" and H(data[:32]) == data[32:]
        return (data[8:16], data[16:32]) if good else None

    def names(self, object_type):
        """The paths of all objects of a type, on any store, in order."""
        pattern = r"([0-9a-f]{2})/\1[0-9a-f]{62}"
        if object_type in (LOG, CHECKPOINT):
            pattern = r"[0-9a-f]{32}/[0-9a-f]{16}-[0-9a-f]{64}"
        found = set()
        for folder in self.folders:
            top = os.path.join(folder, "mf1", FOLDERS[object_type])
            for parent, _, files in os.walk(top, onerror=self._cannot_list):
                if parent == top:  # as it came from Google Drive, which has no folders below
                    names = ((name[:32] + "/" + name[33:] if "-" in name else name[:2] + "/" + name) for name in files)
                else:
                    names = (os.path.basename(parent) + "/" + name for name in files)
                found.update("mf1/%s/%s" % (FOLDERS[object_type], name) for name in names if re.fullmatch(pattern, name))
        return sorted(found)

    def _cannot_list(self, error):
        if not isinstance(error, FileNotFoundError):
            note("cannot list %s: %s" % (error.filename, error.strerror))

    def _files(self, path):
        """Where a copy may be: in each folder under its path, or as it came from Google Drive, which has no folders below that of the type."""
        parts = path.split("/")
        flat = None
        if len(parts) == 4:
            flat = "/".join(parts[:2]) + "/" + (parts[3] if len(parts[2]) == 2 else parts[2] + "-" + parts[3])
        for folder in self.folders:
            for place in (path, flat) if flat else (path,):
                yield os.path.join(folder, place)

    def copies(self, path, most=None):
        """(where, bytes) of each copy, or its first bytes. Not proven."""
        for full in self._files(path):
            try:
                if not os.path.isfile(full):
                    continue
                if os.path.getsize(full) > MAX_OBJECT:
                    note("damaged: %s is larger than any object" % full)
                    continue
                with open(full, "rb") as file:
                    yield full, file.read(most)
            except OSError as error:
                note("cannot read %s: %s" % (full, error.strerror))

    def holders(self, path):
        """The files that have a copy, or what is said to be one."""
        return [full for full in self._files(path) if os.path.isfile(full)]

    def read(self, path):
        """The bytes of a copy that fits its name, or None."""
        for full, data in self.copies(path):
            if H(data).hex() == path[-64:]:
                return data
            note("damaged: %s is not what its name says" % full)
        return None


def object_path(object_type, name):
    return "mf1/%s/%s/%s" % (FOLDERS[object_type], name.hex()[:2], name.hex())


# Erasure code: section 7


def gf_tables():
    powers, logs, x = [], [0] * 256, 1
    for exponent in range(255):
        powers.append(x)
        logs[x] = exponent
        x = x << 1 ^ (0x11D if x & 0x80 else 0)
    return powers * 2, logs


GF_POWERS, GF_LOGS = gf_tables()


def gf_multiply(a, b):
    return GF_POWERS[GF_LOGS[a] + GF_LOGS[b]] if a and b else 0


def gf_inverse(a):
    return GF_POWERS[255 - GF_LOGS[a]]


def gf_invert_matrix(rows):
    """Gauss-Jordan; every square part of this code's matrix has an inverse."""
    size = len(rows)
    rows = [list(row) + [int(i == j) for j in range(size)] for i, row in enumerate(rows)]
    for column in range(size):
        pivot = next(r for r in range(column, size) if rows[r][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        scale = gf_inverse(rows[column][column])
        rows[column] = [gf_multiply(scale, x) for x in rows[column]]
        for r in range(size):
            if r != column and rows[r][column]:
                factor = rows[r][column]
                rows[r] = [x ^ gf_multiply(factor, y) for x, y in zip(rows[r], rows[column])]
    return [row[size:] for row in rows]


def rebuild(slices, k, length):
    """The k data slices end to end, from any k slices {i: bytes}."""
    present = sorted(slices)[:k]
    matrix = [[int(i == j) for j in range(k)] if i < k else [gf_inverse(i ^ j) for j in range(k)] for i in present]
    solution = gf_invert_matrix(matrix)
    data = bytearray(k * length)
    for j in range(k):
        if j in slices:
            data[j * length:(j + 1) * length] = slices[j]
            continue
        terms = [(slices[i], bytes(gf_multiply(c, x) for x in range(256))) for i, c in zip(present, solution[j]) if c]
        for start in range(0, length, 1 << 18):
            end = min(start + (1 << 18), length)
            total = 0
            for part, table in terms:
                total ^= int.from_bytes(part[start:end].translate(table), "little")
            data[j * length + start:j * length + end] = total.to_bytes(end - start, "little")
    return bytes(data)


# The log: section 9

Record = collections.namedtuple("Record", "writer seq hash previous heads changes")
Checkpoint = collections.namedtuple("Checkpoint", "seq before records parts")
Manifest = collections.namedtuple("Manifest", "model revision created_at epoch files segments")
File = collections.namedtuple("File", "path size sha256 fragments")
Pack = collections.namedtuple("Pack", "salt epoch suite k m length names")
TAG = {"model": str, "tag": str}
MANIFEST = {"model": str, "revision": 20, "content": 32, "structure": 32}
CHANGES = {  # what this reader needs of each kind of change
    "prepared": {}, "committed": {**MANIFEST, **TAG}, "untagged": TAG, "removed": {"model": str, "manifests": list},
    "replaced": {**MANIFEST, "old": 32}, "condemned": {"objects": list}, "spared": {"record": 32, "objects": list},
    "deleted": {"records": list}, "store_added": {"store": 16, "name": str, "url": str, "state": int}, "store_removed": {"store": 16},
    "slot_added": {"slot": 16, "object": 32, "secret": int, "epoch": int}, "slot_removed": {"slot": 16},
    "epoch": {"epoch": int, "wrapped": list}, "policy": {}}
ABOUT = {"committed": ("model", "tag"), "untagged": ("model", "tag"), "replaced": ("old", "revision"), "store_added": ("store",),
         "store_removed": ("store",), "slot_added": ("slot",), "slot_removed": ("slot",)}  # what the order of changes is asked for


def check_change(change):
    for key, want in CHANGES[change["kind"]].items():
        need(change.get(key), *((bytes, want) if isinstance(want, int) else (want,)))
    for name in change.get("manifests", []) if change["kind"] == "removed" else change["records"] if change["kind"] == "deleted" else ():
        need(name, bytes, 32)
    for entry in change["objects"] if change["kind"] in ("condemned", "spared") else ():
        check(len(need(entry, list)) in (2, 3), "names an object that this reader does not know")
        for value, want in zip(entry, ((int,), (bytes, 32), (bytes, 16))):
            need(value, *want)
    for entry in change["wrapped"] if change["kind"] == "epoch" else ():
        number, nonce, sealed = need(entry, list, 3)
        check(0 < need(number, int) < change["epoch"] < 1 << 32, "wraps a key of an impossible epoch")
        need(nonce, bytes, 24), need(sealed, bytes, 48)


class Order:
    """Which change is before which: section 9.3. A change stands here as (record, place in it, the change)."""

    def __init__(self, records):
        self.steps = collections.defaultdict(lambda: ([], []))  # (writer, other) -> numbers of records, what they made known
        for record in sorted(records, key=lambda record: record.seq):
            for other, seq in record.heads.items():
                numbers, known = self.steps[record.writer, other]
                if seq > (known[-1] if known else 0):
                    numbers.append(record.seq)
                    known.append(seq)

    def knows(self, record, other):
        """The largest number of another chain in the heads of the record, and of those with smaller numbers in its chain."""
        numbers, known = self.steps.get((record.writer, other), ((), ()))
        earlier = bisect.bisect_left(numbers, record.seq)
        return max(record.heads.get(other, 0), known[earlier - 1] if earlier else 0)

    def before(self, a, b):
        if a[0].writer != b[0].writer:
            return self.knows(b[0], a[0].writer) >= a[0].seq
        return a[1] < b[1] if a[0].hash == b[0].hash else a[0].seq < b[0].seq

    @staticmethod
    def ends(entries):
        """The entries of the largest number of each writer, of each record the last: what is before any is before one of these."""
        numbers, found = {}, {}
        for entry in entries:
            writer, seq = entry[0].writer, entry[0].seq
            numbers[writer] = max(numbers.get(writer, seq), seq)
        for entry in entries:
            if entry[0].seq == numbers[entry[0].writer]:
                found[entry[0].hash] = max(entry, found.get(entry[0].hash, entry), key=lambda e: e[1])
        return list(found.values())

    def latest(self, entries):
        """The one that is before no other; where forks leave none, the last of a chain. Of several that of the largest hash."""
        ends = self.ends(entries)
        last = [a for a in ends if not any(self.before(a, b) for b in ends if b is not a)]
        return max(last or ends, key=lambda entry: (entry[0].hash, entry[1]))[2]

    def standing(self, made, ended):
        """The latest change of those in made that are before none in ended; or None."""
        ends = self.ends(ended)
        made = [a for a in made if not any(self.before(a, b) for b in ends)]
        return self.latest(made) if made else None


class Pool:
    """What the log of a pool says, and the way to its bytes."""

    def __init__(self, stores, keys):
        self.stores, self.keys = stores, keys
        self.packs = collections.OrderedDict()  # salt -> (bytes, header), least recently used first
        for folder in list(stores.folders):
            marker = stores.marker(folder)
            if marker is None:
                note("%s has no sound marker: it is read all the same, each object proves itself" % folder)
            elif marker[0] != keys.pool_id[:8]:
                note("%s is a store of another pool: left out" % folder)
                stores.folders.remove(folder)
        self.read_log()
        if not self.records:
            raise Failure(5, "no log could be read, so it is not known what is in this pool.")
        self.report_gaps()
        self.resolve()

    def read_log(self):
        """self.records: every record, by all root keys that the log gives; self.covered: up to where checkpoints tell each chain."""
        self.opened = {}  # path -> document, or None where it is of no use
        listing = collections.defaultdict(lambda: ([], []))
        for slot, object_type in enumerate((LOG, CHECKPOINT)):
            for path in self.stores.names(object_type):
                listing[path.split("/")[2]][slot].append(path)
        more = True
        while more:
            self.covered, self.remarks, self.read_only, found = {}, [], False, {}
            for writer, (logs, checkpoints) in sorted(listing.items()):
                for record in self.read_chain(bytes.fromhex(writer), logs, checkpoints):
                    heads = found.setdefault((record.writer, record.seq, record.hash), record).heads  # when it comes twice: of both
                    heads.update((other, seq) for other, seq in record.heads.items() if seq > heads.get(other, 0))
            self.records = list(found.values())
            more = self.unwrap_older_roots()
        for remark in self.remarks:
            note(remark)

    def read_chain(self, writer, logs, checkpoints):
        """The checkpoints that no other names, with all their parts, and the records that no checkpoint names: section 9.5."""
        records, found, named = [], {}, set()
        for path in checkpoints:
            document = self.log_document(CHECKPOINT, path)
            try:
                if document and not self.asks_for_more(document.get("must", []), path):
                    before = need(need(document["before"], list, 2)[1], bytes, 32) if "before" in document else None
                    names = {need(name, bytes, 32) for name in need(document.get("records"), list)}
                    parts = [(need(seq, int), need(name, bytes, 32)) for seq, name in
                             (need(part, list, 2) for part in need(document.get("parts"), list))]
                    found[bytes.fromhex(path[-64:])] = Checkpoint(document["seq"], before, names, parts)
            except Damaged as problem:
                self.remarks.append("%s %s" % (path, problem))
        for name, checkpoint in sorted(found.items(), key=lambda item: -item[1].seq):
            if name in named:
                continue
            told = [self.read_part(writer, *part) for part in checkpoint.parts]
            records += [record for part in told for record in part or ()]  # what is there of it can only help
            if None in told and self.covered.get(writer, 0) > checkpoint.seq:
                continue  # out of date: its writer has deleted what only it named
            if None in told:
                lacking = ", ".join("%016x-%s" % (seq, part.hex()) for (seq, part), there in zip(checkpoint.parts, told) if there is None)
                self.remarks.append("log of writer %s: the checkpoint at %d lacks the parts %s" % (writer.hex(), checkpoint.seq, lacking))
                continue
            self.covered[writer] = max(self.covered.get(writer, 0), checkpoint.seq)
            while checkpoint:  # it stands for all that the ones before it name
                named |= checkpoint.records | {checkpoint.before}
                checkpoint = found.get(checkpoint.before)
        for path in logs:
            name = bytes.fromhex(path[-64:])
            document = self.log_document(LOG, path) if name not in named else None
            try:
                if document:
                    entry = [document["seq"], name, document.get("heads"), 0, document.get("changes"), document.get("must", [])]
                    records.append(self.record(writer, entry, path, need(document.get("previous"), bytes, 32)))
            except Damaged as problem:
                self.remarks.append("%s %s" % (path, problem))
        return records

    def read_part(self, writer, seq, name):
        """The records of a part, or None."""
        path = "mf1/part/%s/%016x-%s" % (writer.hex(), seq, name.hex())
        document = self.log_document(PART, path)
        try:
            if document and not self.asks_for_more(document.get("must", []), path):
                return [self.record(writer, entry, path) for entry in need(document.get("records"), list)]
        except Damaged as problem:
            self.remarks.append("%s %s" % (path, problem))
        return None

    def record(self, writer, entry, path, previous=None):
        check(len(need(entry, list)) in (5, 6), "has a broken record")
        seq, name, heads, _, changes, *must = entry
        record = Record(writer, need(seq, int), need(name, bytes, 32), previous, {}, [])
        if must and self.asks_for_more(must[0], "%s: record %d" % (path, seq)):
            return record
        record.heads.update({need(other, bytes, 16): need(need(head, list, 2)[0], int) for other, head in need(heads, dict).items()})
        for change in need(changes, list):
            try:
                kind = need(need(change, dict).get("kind"), str)
                if self.asks_for_more(change.get("must", []), "%s: a change %s" % (path, kind)) or kind not in CHANGES and change.get("may") is True:
                    continue
                self.read_only |= kind not in CHANGES
                check(kind in CHANGES, "has a change of the unknown kind %r: passed over; a newer program wrote it" % kind)
                check_change(change)
                record.changes.append(change)
            except Damaged as problem:
                self.read_only = True
                self.remarks.append("%s %s" % (path, problem))
        return record

    def asks_for_more(self, names, what):
        must = unknown_must(names)
        if must:
            self.read_only = True
            self.remarks.append("%s can only be used by a reader that knows %s: passed over; a newer program wrote it" % (what, must))
        return bool(must)

    def log_document(self, object_type, path):
        if path in self.opened:
            return self.opened[path]
        data, document = self.stores.read(path), None
        try:
            if data is not None:
                told = self.keys.document(data, object_type)
                _, _, writer, name = path.split("/")
                named = bytes.fromhex(writer), int(name[:16], 16)
                check((told.get("writer"), told.get("seq")) == named, "tells another writer or number than its name")
                document = told
        except NoKey as problem:  # until more keys are known
            self.read_only = True
            self.remarks.append("%s %s; it is in %s" % (path, problem, ", ".join(self.stores.holders(path))))
            return None
        except Damaged as problem:
            note("%s %s: ignored; it is in %s" % (path, problem, ", ".join(self.stores.holders(path))))
        self.opened[path] = document
        return document

    def unwrap_older_roots(self):
        """Whether a root key was found that was not known."""
        found = False
        for change in (change for record in self.records for change in record.changes if change["kind"] == "epoch"):
            for number, nonce, sealed in change["wrapped"]:
                associated, opens = self.keys.pool_id + struct.pack("<II", change["epoch"], number), False
                for root in list(self.keys.roots.get(change["epoch"], ())):
                    try:
                        older = xchacha20_poly1305_open(self.keys.sub_key(root, "older-epochs"), nonce, sealed, associated)
                    except InvalidTag:
                        continue
                    opens = True
                    if older not in self.keys.roots[number]:
                        self.keys.roots[number].append(older)
                        found = True
                if not opens and change["epoch"] in self.keys.roots:
                    self.remarks.append("the key of epoch %d does not open" % number)
        return found

    def report_gaps(self):
        newest, chains = collections.Counter(), collections.defaultdict(lambda: collections.defaultdict(dict))
        for record in self.records:
            chains[record.writer][record.seq][record.hash] = record
            for writer, seq in record.heads.items():
                newest[writer] = max(newest[writer], seq)
        for writer in sorted(newest.keys() | chains.keys()):
            at, chain = self.covered.get(writer, 0), chains[writer]
            for seq, records in sorted(chain.items()):
                if len(records) > 1:
                    note("log of writer %s: a fork: %d records have the number %d" % (writer.hex(), len(records), seq))
                if any(r.previous and seq - 1 in chain and r.previous not in chain[seq - 1] for r in records.values()):
                    note("log of writer %s: record %d was not made after the record %d that is here" % (writer.hex(), seq, seq - 1))
                if seq > at + 1:
                    note("log of writer %s: records %d to %d are missing" % (writer.hex(), at + 1, seq - 1))
                at = max(at, seq)
            if newest[writer] > at:
                note("log of writer %s: records %d to %d are missing" % (writer.hex(), at + 1, newest[writer]))

    def resolve(self):
        """self.models: model -> {content name: its manifest as a change}; self.tags: (model, tag) -> manifest;
        self.catalogue: store -> store_added; self.slots: slot -> slot_added; self.condemned: {(type, name, store or None)}. Section 9.4."""
        order, of = Order(self.records), collections.defaultdict(lambda: collections.defaultdict(list))
        for record in self.records:
            for place, change in enumerate(record.changes):
                of[change["kind"]][tuple(change[key] for key in ABOUT.get(change["kind"], ()))].append((record, place, change))
        self.removed = {name for _, _, change in of["removed"][()] for name in change["manifests"]}
        replaced = {key: [e for e in entries if e[2]["content"] not in self.removed] for key, entries in of["replaced"].items()}
        self.replaced = {key: order.latest(entries) for key, entries in replaced.items() if entries}
        self.models, self.tags, self.standing_for = collections.defaultdict(dict), {}, {}
        for key, entries in of["committed"].items():
            live = [entry for entry in entries if self.stands_for(entry[2])]
            for manifest in (self.stands_for(entry[2]) for entry in live):
                self.models[key[0]][manifest["content"]] = manifest
            tagged = order.standing(live, of["untagged"].get(key, []))
            if tagged:
                self.tags[key] = self.stands_for(tagged)
        self.catalogue, self.slots = ({
            key[0]: last for key, entries in of[kind + "_added"].items()
            for last in [order.standing(entries, of[kind + "_removed"].get(key, []))] if last} for kind in ("store", "slot"))
        deleted = {name for _, _, change in of["deleted"][()] for name in change["records"]}
        spared = {(record.writer, change["record"], *entry) for record, _, change in of["spared"][()] for entry in change["objects"]}
        self.condemned = {(*entry, None)[:3] for record, _, change in of["condemned"][()] if record.hash not in deleted
                          for entry in change["objects"] if (record.writer, record.hash, *entry) not in spared}

    def stands_for(self, change):
        """The manifest that a committed change stands for, as the change that names it, or None."""
        way = []
        while True:
            name = change["content"], change["revision"]
            if name in self.standing_for:
                result = self.standing_for[name]
                break
            way.append(name)
            self.standing_for[name] = None  # also where it comes up again on this way
            if name[0] in self.removed or name not in self.replaced:
                result = None if name[0] in self.removed else change
                break
            change = self.replaced[name]
        self.standing_for.update(dict.fromkeys(way, result))
        return result

    def stores_of_the_log(self):
        """(id, name, state) of each store of the catalogue. Of two with one name the larger id is shown as name-2: section 9.2."""
        names = collections.Counter()
        for store, change in sorted(self.catalogue.items()):
            names[change["name"]] += 1
            name = change["name"] + ("-%d" % names[change["name"]] if names[change["name"]] > 1 else "")
            yield store, name, {0: "in use", 1: "draining"}.get(change["state"], "state %d" % change["state"])

    def find(self, wanted):
        """The committed change that NAME, NAME:TAG or NAME@REVISION means."""
        model, mark, rest = wanted, "", ""
        if wanted not in self.models:
            model, mark, rest = re.fullmatch(r"(.*?)(?:([:@])([^:@/]*))?", wanted, re.DOTALL).groups()
        if model not in self.models:
            raise Failure(3, "there is no model %s here" % model)
        tags = {tag: change for (name, tag), change in self.tags.items() if name == model}
        if mark == "@":
            matches = {c["revision"]: c for c in self.models[model].values() if rest and c["revision"].hex().startswith(rest)}
            if len(matches) == 1:
                return next(iter(matches.values()))
            raise Failure(3, "%s has %d revisions that start with %s" % (model, len(matches), rest))
        tag = rest if mark else "latest" if "latest" in tags or len(tags) != 1 else next(iter(tags))
        if tag not in tags:
            raise Failure(3, "%s has no tag %s; its tags: %s" % (model, tag, ", ".join(sorted(tags)) or "none (see list, use NAME@REVISION)"))
        return tags[tag]

    # Manifests: section 8.1

    def document(self, object_type, name):
        path = object_path(object_type, name)
        data = self.stores.read(path)
        if data is None:
            raise Failure(5, "%s is on none of the stores given, or damaged on all of them" % path)
        try:
            document = self.keys.document(data, object_type)
            must = unknown_must(document.get("must", []))
        except Damaged as problem:
            raise Failure(5, "%s %s" % (path, problem))
        if must:
            raise NotUnderstood(5, "%s can only be used by a reader that knows %s: get a newer rescue.py or ModelFloat" % (path, must))
        return document

    def manifest(self, commit):
        root = self.document(CONTENT, commit["content"])
        try:
            check(root.get("kind") == "root" and root.get("structure") == commit["structure"]
                  and root.get("revision") == commit["revision"], "is not the content root that the log means")
            files = []
            for entry in need(root.get("files"), list):
                need(entry, dict)
                files.append(File(safe_path(entry.get("path")), need(entry.get("size"), int),
                                  need(entry.get("sha256"), bytes, 32), need(entry.get("fragments"), int)))
            paths = [file.path.encode() for file in files]
            check(paths == sorted(set(paths)), "lists files twice or out of order")
            revision = hashlib.sha256(cbor2.dumps([[f.path, f.size, f.sha256] for f in files])).digest()[:20]
            check(revision == commit["revision"], "has other files than its revision id says")
            segments = [need(name, bytes, 32) for name in need(root.get("segments"), list)]
            try:
                if self.document(STRUCTURE, commit["structure"]).get("contents") != segments:
                    note("structure root %s does not name the content segments of its manifest" % commit["structure"].hex())
            except NotUnderstood:
                raise
            except Failure as problem:  # nothing else in it is needed here
                note(str(problem))
            return Manifest(need(root.get("model"), str), revision, need(root.get("created_at"), int), need(root.get("epoch"), int), files, segments)
        except Damaged as problem:
            raise Failure(5, "the manifest %s %s" % (commit["content"].hex(), problem))

    def segments(self, manifest):
        """Per content segment: its packs, and its fragments as the CBOR says them."""
        for name in manifest.segments:
            segment = self.document(CONTENT, name)
            try:
                check(segment.get("kind") == "segment", "is no segment")
                salts = [need(salt, bytes, 32) for salt in need(segment.get("packs"), list)]
                listed = self.structure_packs(need(segment.get("structure"), bytes, 32)) if salts else {}
                packs = [listed.get(salt) or self.scanned_pack(salt) for salt in salts]
                yield packs, need(segment.get("fragments"), list)
            except Damaged as problem:
                raise Failure(5, "content segment %s %s" % (name.hex(), problem))

    def structure_packs(self, name):
        try:
            packs = {}
            for entry in need(self.document(STRUCTURE, name).get("packs"), list):
                check(isinstance(entry, list) and len(entry) >= 8, "has a broken pack")
                pack = Pack(need(entry[0], bytes, 32), *(need(x, int) for x in entry[1:6]), dict(enumerate(need(x, bytes, 32) for x in need(entry[7], list))))
                check(1 <= pack.k <= 16 and pack.m <= 8 and pack.length % 64 == 0 < pack.length, "has an impossible pack")
                check(len(pack.names) == (1 if pack.k == 1 else pack.k + pack.m), "has a broken pack")
                packs[pack.salt] = pack
            return packs
        except NotUnderstood:
            raise
        except (Failure, Damaged) as problem:  # the shards themselves tell the same
            note("structure segment %s: %s; looking at all shards instead" % (name.hex(), problem))
            return {}

    def scanned_pack(self, salt):
        names = self.scanned.get(salt, {})
        for name in names.values():
            for _, data in self.stores.copies(object_path(SHARD, name), HEADER.size):
                try:
                    head = self.keys.header(data, SHARD)
                    if head.salt == salt and 1 <= head.k <= 16 and head.length % 64 == 0 < head.length:
                        return Pack(salt, head.epoch, head.suite, head.k, head.m, head.length, names)
                except Damaged:
                    pass
        raise Failure(5, "pack %s: none of its shards is on the stores given" % salt.hex())

    @functools.cached_property
    def scanned(self):
        """salt -> {i: shard name}, from the headers of all shards: for parities that no structure segment names."""
        found = collections.defaultdict(dict)
        for path in self.stores.names(SHARD):
            for _, data in self.stores.copies(path, HEADER.size):
                if len(data) == HEADER.size and data[:6] == b"MFLT\1\1":
                    found[data[32:64]][data[12]] = bytes.fromhex(path[-64:])
        return found

    def shards(self, pack):
        """(i, name) of all shards of a pack that may be there: data first, those that no manifest names last."""
        yield from pack.names.items()
        yield from ((i, name) for i, name in sorted(self.scanned.get(pack.salt, {}).items()) if pack.names.get(i) != name)

    def missing_shards(self, pack):
        """None when k shards seem to be there, else what to tell."""
        there = set()
        for i, name in self.shards(pack):
            if self.stores.holders(object_path(SHARD, name)):
                there.add(i)
            if len(there) == pack.k:
                return None
        return self.lacking(pack, there)

    def lacking(self, pack, there):
        lost = "".join("\n    missing or damaged: shard %d, %s" % (i, object_path(SHARD, n)) for i, n in pack.names.items() if i not in there)
        return "pack %s: %d of the %d shards that it needs%s" % (pack.salt.hex(), len(there), pack.k, lost)

    def load_pack(self, pack):
        """(bytes of the pack, header of a shard), from any k shards that are sound."""
        if pack.salt in self.packs:
            self.packs.move_to_end(pack.salt)
            return self.packs[pack.salt]
        slices = {}
        for i, name in self.shards(pack):
            data = self.stores.read(object_path(SHARD, name)) if i not in slices else None
            if data is None:
                continue
            try:
                head = self.keys.header(data, SHARD)
                check(head[:7] == (pack.suite, pack.epoch, i, pack.k, pack.m, pack.length, pack.salt)
                      and len(data) == HEADER.size + pack.length, "does not fit its pack")
            except Damaged as problem:
                note("damaged: shard %s %s" % (name.hex(), problem))
                continue
            slices[i] = data[HEADER.size:]
            if len(slices) == pack.k:
                break
        else:
            raise Failure(5, self.lacking(pack, slices))
        while self.packs and sum(len(held[0]) for held in self.packs.values()) + pack.k * pack.length > MAX_PACKS_IN_MEMORY:
            self.packs.popitem(last=False)
        self.packs[pack.salt] = (rebuild(slices, pack.k, pack.length), head)
        return self.packs[pack.salt]

    def fragment(self, entry, packs, inline_epoch):
        """The plain bytes of one fragment of a segment, proven by its id."""
        check(isinstance(entry, list) and len(entry) in (5, 6, 8, 9), "lists a fragment that this reader does not know")
        check(len(entry) in (5, 8), "lists a fragment that needs a base, which this reader does not know: get a newer one")
        name, length, codec, parameter = need(entry[0], bytes, 32), need(entry[1], int), need(entry[2], int), need(entry[3], int)
        check(1 <= length <= MAX_FRAGMENT, "lists a fragment of impossible length")
        check((codec, parameter) == (RAW, 0) or codec == ZSTD and parameter < 256, "lists a fragment of unknown codec %d" % codec)
        if len(entry) == 5:
            encoded, roots = need(entry[4], bytes), self.keys.roots.get(inline_epoch, ())
            check(roots, "has fragments of epoch %d, whose key this secret does not give" % inline_epoch)
        else:
            place, offset, sealed_length, number = (need(x, int) for x in entry[4:])
            check(place < len(packs) and 16 < sealed_length <= length + 64 and number < 65536, "lists a fragment of impossible place")
            data, head = self.load_pack(packs[place])
            check(offset + sealed_length <= len(data), "lists a fragment of impossible place")
            encoded, roots = head.open_frame(number, data[offset:offset + sealed_length], length, codec, parameter, name), [head.root]
        plain = unzstd(encoded, length) if codec == ZSTD else encoded
        check(len(plain) == length, "lists a fragment of wrong length")
        ids = (blake3(plain, key=self.keys.sub_key(root, "fragment-id")).digest() for root in roots)
        check(name in ids, "has a fragment that is not what its id says")
        return plain

    def restore(self, manifest, folder):
        """Writes every file of the manifest below folder."""
        segments = list(self.segments(manifest))
        every_pack = {pack.salt: pack for packs, _ in segments for pack in packs}
        lacking = [complaint for complaint in map(self.missing_shards, every_pack.values()) if complaint]
        if lacking:
            raise Failure(5, "\n  ".join(["too little is left of %d packs" % len(lacking)] + lacking))
        fragments = iter([(entry, packs) for packs, entries in segments for entry in entries])
        for file in manifest.files:
            full = os.path.join(folder, *file.path.split("/"))
            try:
                os.makedirs(os.path.dirname(full), exist_ok=True)
                digest, size = hashlib.sha256(), 0
                with open(full, "xb") as out:
                    for _ in range(file.fragments):
                        entry, packs = next(fragments, (None, None))
                        data = self.fragment(entry, packs, manifest.epoch)
                        size += len(data)
                        check(size <= file.size, "is longer than the manifest says")
                        digest.update(data)
                        out.write(data)
                    out.flush()
                    os.fsync(out.fileno())
                check((size, digest.digest()) == (file.size, file.sha256), "has not the size and SHA-256 that it must have")
            except Damaged as problem:
                raise Failure(5, "%s: the manifest or a pack of it %s" % (file.path, problem))
        if next(fragments, None) is not None:
            raise Failure(5, "the manifest lists more fragments than its files have")


def sync_folder(folder):
    """So that its entries outlive a power cut, where the system can do that."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def safe_path(path):
    """path, when it cannot lead out of the folder that it is put under."""
    bad = any(part in ("", ".", "..") for part in need(path, str).split("/")) or "\\" in path
    check(not bad and all(c >= " " and c != "\x7f" for c in path), "has a file with the unsafe path %r" % path)
    return path


def open_pool(stores, kind, secret):
    """The keys of the one pool whose slots the secret opens."""
    pools, kinds, damaged = {}, set(), 0
    for path in stores.names(SLOT):
        data = stores.read(path)
        try:
            opened = open_slot(data, kind, secret) if data is not None else None
            if data is not None and data[6] == 2:
                kinds.add(data[7])
        except Damaged as problem:
            note("damaged: slot %s %s" % (path, problem))
            opened, data = None, None
        damaged += data is None
        if opened:
            roots = pools.setdefault(opened[0], Keys(opened[0])).roots[opened[1]]
            if opened[2] not in roots:
                roots.append(opened[2])
    if len(pools) > 1:
        raise Failure(2, "the stores are of several pools, give those of one: " + ", ".join(sorted(p.hex() for p in pools)))
    if not pools and damaged and kind not in kinds:
        raise Failure(5, "no sound slot for a %s is left on the stores given" % SECRET_KINDS[kind])
    if not pools and not kinds:
        raise Failure(5, "no slot that this reader knows is on the stores given, so no secret can open anything")
    if not pools:
        there = ", ".join(SECRET_KINDS.get(k, "other secret") for k in sorted(kinds))
        raise Failure(7, "this %s does not open the pool; it has slots for: %s" % (SECRET_KINDS[kind], there))
    return next(iter(pools.values()))


def list_models(pool):
    result, tags = 0, collections.defaultdict(list)
    for (model, tag), commit in sorted(pool.tags.items()):
        tags[model, commit["content"]].append(tag)
    for model, commits in sorted(pool.models.items()):
        for commit in commits.values():
            line = "%s  tags=%s  revision=%s" % (model, ",".join(tags[model, commit["content"]]) or "-", commit["revision"].hex())
            try:
                manifest = pool.manifest(commit)
                made = datetime.datetime.fromtimestamp(min(manifest.created_at, 1 << 37), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
                line += "  files=%d  bytes=%d  created=%s" % (len(manifest.files), sum(f.size for f in manifest.files), made)
            except Failure as problem:
                note("%s: %s" % (model, problem))
                line, result = line + "  (its manifest cannot be read)", 5
            print(shown(line))
    return result


def restore_model(pool, wanted, target):
    manifest = pool.manifest(pool.find(wanted))
    target = os.path.abspath(target)
    if os.path.lexists(target) and not (os.path.isdir(target) and not os.listdir(target)):
        raise Failure(2, "%s is there already: -o wants a folder that is empty or not there yet" % target)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    # Cut, since a name may be as long as the file system allows.
    partial = tempfile.mkdtemp(prefix=os.path.basename(target)[:40] + ".partial-", dir=os.path.dirname(target))
    try:
        whole = os.path.join(partial, "whole")  # made anew, so that it has the usual permissions
        os.mkdir(whole)
        pool.restore(manifest, whole)
        for inner, _, _ in os.walk(whole):
            sync_folder(inner)
        if os.path.isdir(target):
            os.rmdir(target)
        os.rename(whole, target)
        sync_folder(os.path.dirname(target))
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for file in manifest.files:
        print(shown("%s  %s" % (file.sha256.hex(), file.path)))
    return 0


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", action="append", required=True, metavar="DIR", help="a folder that holds mf1/; give every one you have")
    secret = parser.add_mutually_exclusive_group(required=True)
    for kind, name in SECRET_KINDS.items():
        secret.add_argument("--%s-file" % name.replace(" file", "").replace(" ", "-"), metavar="F", dest="secret",
                            type=lambda path, kind=kind: (kind, path))
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the models, their tags, revisions and sizes")
    restore = commands.add_parser("restore", help="write every file of a model")
    restore.add_argument("name", metavar="NAME[:TAG]")
    restore.add_argument("-o", dest="target", required=True, metavar="DIR")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what is partial is taken away
    pool = None
    try:
        secret = read_secret(*options.secret)
        stores = Stores(list(dict.fromkeys(options.store)))
        pool = Pool(stores, open_pool(stores, options.secret[0], secret))
        return list_models(pool) if options.command == "list" else restore_model(pool, options.name, options.target)
    except Failure as failure:
        note(str(failure))
        if failure.code == 5 and pool:
            given = {(stores.marker(folder) or (None, None))[1] for folder in stores.folders}
            for store, name, state in sorted(pool.stores_of_the_log(), key=lambda shown_store: shown_store[1]):
                there = ("given" if store in given else "NOT given") + ("" if state == "in use" else ", " + state)
                note("  store %s of this pool, %s: %s" % (name, pool.catalogue[store]["url"], there))
        return failure.code
    except OSError as error:
        note("cannot write: %s" % error)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
