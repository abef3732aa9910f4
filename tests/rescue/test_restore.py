"""Models come back with every loss that the redundancy allows, and never wrong or in part."""
import itertools
import os
import shutil
import struct
import subprocess
import sys

import cbor2
import pytest
import zstandard

import rescue
from conftest import flip
from writer import AES, CHACHA, Writer, committed, raw, zstd


def write(site, files, **options):
    manifest = site.pool.push("lab/net", files, **options)
    Writer(site.pool, b"a" * 16).record(committed(manifest))
    return manifest


@pytest.mark.parametrize("suite", [AES, CHACHA])
@pytest.mark.parametrize("k, m", [(4, 2), (1, 2), (0, 0), (2, 1), (16, 8)])
@pytest.mark.parametrize("encode", [raw, zstd])
def test_healthy_pool(make_site, files, suite, k, m, encode):
    site = make_site(suite=suite)
    write(site, files, k=k, m=m, encode=encode)
    done, found = site.restore("lab/net")
    assert found == files, done.stderr
    assert done.stderr == ""


def test_folders_downloaded_from_google_drive(site, files):
    """Drive has one folder for each type, and nothing below it."""
    write(site, files)
    for store in site.stores:
        for kind in os.scandir(os.path.join(store, "mf1")):
            for below in list(os.scandir(kind)) if kind.is_dir() else ():
                for name in os.listdir(below):
                    flat = name if len(below.name) == 2 else below.name + "-" + name
                    os.rename(os.path.join(below, name), os.path.join(kind, flat))
                os.rmdir(below)
    done, found = site.restore("lab/net")
    assert found == files, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("k, m", [(4, 2), (1, 2)])
def test_every_two_stores_lost(site, files, k, m):
    write(site, files, k=k, m=m)
    for lost in itertools.combinations(site.stores, 2):
        done, found = site.restore("lab/net:latest", stores=[s for s in site.stores if s not in lost])
        assert found == files, done.stderr


def test_lost_stores_may_be_named(site, files):
    write(site, files)
    shutil.rmtree(site.stores[0])
    done, found = site.restore("lab/net")
    assert found == files
    assert "no store in %s" % site.stores[0] in done.stderr


@pytest.mark.parametrize("k, m", [(4, 2), (1, 2)])
def test_one_store_too_many_lost(site, files, k, m):
    write(site, files, k=k, m=m)
    packs = len(site.objects("shard")) // (k + m if k > 1 else 3)
    assert packs <= 6  # with k = 1 each pack is lost with just one set of three stores
    failures = 0
    for lost in itertools.combinations(site.stores, 3):
        done, found = site.restore("lab/net", stores=[s for s in site.stores if s not in lost])
        if done.returncode == 0:
            assert k == 1 and found == files
            continue
        failures += 1
        assert done.returncode == 5
        assert "missing or damaged: shard" in done.stderr and "mf1/shard/" in done.stderr
    assert failures == (20 if k == 4 else packs)


def test_one_store_is_enough_for_what_lies_in_the_manifest(site, files):
    write(site, files, k=0)
    for store in site.stores:
        assert site.restore("lab/net", stores=[store])[1] == files


def test_flipped_bytes_in_two_stores_are_named_and_read_around(site, files):
    write(site, files)
    flipped = []
    for store in site.stores[1:3]:
        for path in (store / "mf1").rglob("*"):
            if path.is_file() and path.name != "marker":
                flip(path, site.random.randrange(path.stat().st_size))
                flipped.append(path)
    done, found = site.restore("lab/net")
    assert found == files
    documents = [p for p in flipped if "/shard/" not in str(p) and p.parts[-3] != "structure"]
    assert documents
    assert "damaged: " in done.stderr
    done, found = site.restore("lab/net", stores=site.stores[1:3] + site.stores[:1] + site.stores[3:])  # damaged copies first
    assert found == files
    for path in documents:
        assert str(path) in done.stderr


def test_every_byte_of_a_shard_and_a_document_counts(site):
    data = {"w": site.random.randbytes(300)}
    manifest = site.pool.push("lab/net", data, k=1, m=0)
    Writer(site.pool, b"a" * 16).record(committed(manifest))
    only = [site.stores[0]]
    assert site.restore("lab/net", stores=only)[1] == data
    for kind in ("shard", "content", "log", "slot"):
        path = next(p for p in site.objects(kind) if p.is_relative_to(only[0]))
        good = path.read_bytes()
        for at in range(0, len(good), 7):
            flip(path, at)
            assert rescue.Stores([str(only[0])]).read(str(path.relative_to(only[0]))) is None
            path.write_bytes(good)
        flip(path, len(good) // 2)
        done, found = site.restore("lab/net", stores=only)
        assert (done.returncode, found) == (5, None), kind
        assert str(path) in done.stderr
        path.write_bytes(good)


@pytest.mark.parametrize("damage", [lambda data: data[:-64], lambda data: data + bytes(64), lambda data: b""])
def test_truncated_and_longer_shards(site, files, damage):
    write(site, files)
    for path in site.objects("shard")[:4]:
        path.write_bytes(damage(path.read_bytes()))
    done, found = site.restore("lab/net")
    assert found == files or done.returncode == 5
    done, found = site.restore("lab/net", stores=site.stores[:1])
    assert done.returncode == 5


def test_swapped_shards(site, files):
    write(site, files)
    shards = [p for p in site.objects("shard") if p.is_relative_to(site.stores[0])]
    first, second = shards[0].read_bytes(), shards[1].read_bytes()
    shards[0].write_bytes(second)
    shards[1].write_bytes(first)
    done, found = site.restore("lab/net")
    assert found == files


def test_a_sealed_shard_that_belongs_elsewhere_is_not_used(site):
    """The structure names a shard of another pack: its hash is right, its header is not."""
    plain = site.random.randbytes(900)
    one, entries = site.pool.pack([(plain, raw)], 1, 0)
    other, _ = site.pool.pack([(site.random.randbytes(900), raw)], 1, 0)
    entry = next(iter(entries.values()))
    for wrong in (other[7], one[7]):
        pack = one[:7] + [wrong]
        manifest = site.pool.manifest("lab/net", [("w", plain, 1)], [([pack], [entry[:4] + [0] + entry[5:]])])
        Writer(site.pool, wrong[0][:16]).record(committed(manifest, tag="t%d" % (wrong == one[7])))
    assert site.restore("lab/net:t1")[1] == {"w": plain}
    done, found = site.restore("lab/net:t0")
    assert found == {"w": plain}  # the right one is found by its header
    assert "does not fit its pack" in done.stderr


def test_parities_added_later_and_lost_structure(site, files):
    parts = [site.random.randbytes(4000) for _ in range(5)]
    pack, entries = site.pool.pack([(p, raw) for p in parts], 3, 1, extra_parities=2)
    fragments = [e[:4] + [0] + e[5:] for e in entries.values()]
    manifest = site.pool.manifest("lab/net", [("w", b"".join(parts), 5)], [([pack], fragments)])
    Writer(site.pool, b"a" * 16).record(committed(manifest))
    for lost in itertools.combinations(site.stores, 3):  # 3+3 in truth
        done, found = site.restore("lab/net", stores=[s for s in site.stores if s not in lost])
        assert found == {"w": b"".join(parts)}, done.stderr
    for path in site.objects("structure"):
        path.unlink()
    done, found = site.restore("lab/net")
    assert found == {"w": b"".join(parts)}
    assert "looking at all shards instead" in done.stderr


def test_missing_and_foreign_markers(site, files, tmp_path):
    write(site, files)
    (site.stores[0] / "mf1/marker").unlink()
    flip(site.stores[1] / "mf1/marker", 20)
    done, found = site.restore("lab/net")
    assert found == files
    assert done.stderr.count("has no sound marker") == 2
    from writer import Pool

    foreign = Pool([tmp_path / "foreign"], site.random)
    foreign.slot(1, bytes(32))
    done, found = site.restore("lab/net", stores=site.stores + foreign.folders)
    assert found == files
    assert "is a store of another pool" in done.stderr


def test_what_else_lies_in_a_store_is_ignored(site, files):
    write(site, files)
    for name in ("mf1/FORMAT.txt", "mf1/shard/ab/notes.txt", "mf1/log/readme", "mf1/slot/00/x", "mf1/log/" + "0" * 32 + "/1-2", "other"):
        path = site.stores[0] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"hello")
    done, found = site.restore("lab/net")
    assert (found, done.stderr) == (files, "")


def test_objects_that_are_no_plain_files_or_far_too_large_are_passed_over(site, files):
    write(site, files)
    first, second = site.objects("shard")[0], site.objects("log")[0]
    first.unlink()
    os.mkfifo(first)
    os.truncate(second, 1 << 40)
    done, found = site.restore("lab/net")
    assert found == files
    assert "%s is larger than any object" % second in done.stderr


@pytest.mark.parametrize("problem, code", [(OSError(28, "No space left on device"), 1), (KeyboardInterrupt(), None), (SystemExit(1), None)])
def test_nothing_is_left_when_writing_stops_in_the_middle(site, files, tmp_path, monkeypatch, problem, code):
    write(site, files)
    whole, count = rescue.Pool.fragment, itertools.count()

    def fragment(*arguments):
        if next(count) == 20:
            assert list(tmp_path.glob("out.partial-*/whole/config.json"))
            raise problem
        return whole(*arguments)

    monkeypatch.setattr(rescue.Pool, "fragment", fragment)
    monkeypatch.setattr(rescue.signal, "signal", lambda *_: None)
    before = set(tmp_path.iterdir())
    arguments = ["--store=%s" % s for s in site.stores] + ["--recovery-code-file", str(site.code), "restore", "lab/net", "-o", str(tmp_path / "out")]
    if code is None:
        with pytest.raises(type(problem)):
            rescue.main(arguments)
    else:
        assert rescue.main(arguments) == code
    assert next(count) == 21
    assert set(tmp_path.iterdir()) == before


def test_as_a_program(site, files):
    write(site, files)
    command = [sys.executable, rescue.__file__, "--store", site.stores[0], "--store", site.stores[1], "--recovery-code-file", site.code]
    done = subprocess.run(command + ["list"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.startswith("lab/net  tags=latest  revision=")
    done = subprocess.run(command + ["restore", "lab/net", "-o", site.base / "out"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 5 and "rescue: too little is left" in done.stderr


def test_what_is_missing_to_run_it_is_named_and_its_help_needs_nothing():
    plain = [sys.executable, "-S", "-I", rescue.__file__]  # without installed packages
    bare = subprocess.run([*plain, "list"], capture_output=True, text=True)
    assert bare.returncode == 2 and "pip install" in bare.stderr and "Traceback" not in bare.stderr
    asked = subprocess.run([*plain, "--help"], capture_output=True, text=True)
    assert asked.returncode == 0 and "rescue.py --store" in asked.stdout


def test_empty_model(site):
    write(site, {}, k=0)
    assert site.restore("lab/net")[1] == {}
    assert "files=0  bytes=0" in site.run("list").stdout


def test_output_folder_that_is_not_empty_is_left_alone(site, files, tmp_path):
    write(site, files)
    (tmp_path / "out").mkdir()
    done, found = site.run("restore", "lab/net", "-o", tmp_path / "out"), None
    assert done.returncode == 0
    assert (tmp_path / "out/one").read_bytes() == b"1"
    (tmp_path / "out/one").write_bytes(b"mine")
    done = site.run("restore", "lab/net", "-o", tmp_path / "out")
    assert done.returncode == 2
    assert (tmp_path / "out/one").read_bytes() == b"mine"


@pytest.mark.parametrize("path", [
    "../evil", "/etc/evil", "a/../../evil", "a//b", "", ".", "a/.", "a\\b", "..", "a\nb", "nul\0", "a/", "x\x7f"])
def test_hostile_paths(site, tmp_path, path):
    data = b"evil"
    entry = [site.pool.fragment_id(data), 4, 0, 0, data]
    manifest = site.pool.manifest("lab/net", [(path, data, 1)], [([], [entry])])
    Writer(site.pool, b"a" * 16).record(committed(manifest))
    done, found = site.restore("lab/net")
    assert (done.returncode, found) == (5, None)
    assert "unsafe path" in done.stderr
    assert not list(tmp_path.rglob("*evil*"))


def test_a_file_that_is_also_a_folder(site):
    data = b"x"
    entry = [site.pool.fragment_id(data), 1, 0, 0, data]
    manifest = site.pool.manifest("lab/net", [("a", data, 1), ("a/b", data, 1)], [([], [entry, entry])])
    Writer(site.pool, b"a" * 16).record(committed(manifest))
    done, _ = site.restore("lab/net")
    assert done.returncode == 1


def wrong_fragments(site):
    good = [site.pool.fragment_id(b"abcd"), 4, 0, 0, b"abcd"]
    codec, level = 1, 3
    small = zstandard.ZstdCompressor().compress(b"abcd")
    bomb, _, _ = zstd(bytes(1 << 24))
    nothing = [site.pool.fragment_id(b""), 0, 0, 0, b""]
    yield "id of another", [[bytes(32)] + good[1:]]
    yield "other bytes", [good[:4] + [b"abce"]]
    yield "too many", [good, good]
    yield "too few", []
    yield "unknown codec", [[good[0], 4, 7, 0, b"abcd"]]
    yield "raw with parameter", [[good[0], 4, 0, 1, b"abcd"]]
    yield "base", [good + [0]]
    yield "too long", [[good[0], (1 << 20) + 1, 0, 0, b"abcd"]]
    yield "empty fragment", [nothing, good]
    yield "decompresses to more", [[good[0], 3, codec, level, small]]
    yield "bomb", [[good[0], 4, codec, level, bomb]]
    yield "no zstd", [[good[0], 4, codec, level, b"abcd"]]
    yield "pack out of range", [good[:4] + [0, 0, 20, 0]]
    yield "not a list", [5]
    yield "negative", [[good[0], -4, 0, 0, b"abcd"]]
    yield "a float", [[good[0], 4.0, 0, 0, b"abcd"]]


@pytest.mark.parametrize("number", range(16))
def test_manifests_that_do_not_hold_together(site, number):
    label, fragments = list(wrong_fragments(site))[number]
    manifest = site.pool.manifest("lab/net", [("w", b"abcd", 1)], [([], fragments)])
    Writer(site.pool, b"a" * 16).record(committed(manifest))
    done, found = site.restore("lab/net")
    assert (done.returncode, found) == (5, None), label
    assert "Traceback" not in done.stderr, label


@pytest.mark.parametrize("change", [
    {"revision": bytes(20)}, {"structure": bytes(32)}, {"kind": "segment"}, {"files": 3}, {"files": [{}]}, {"segments": [b"short"]},
    {"epoch": "1"}])
def test_roots_that_do_not_fit(site, change):
    entry = [site.pool.fragment_id(b"abcd"), 4, 0, 0, b"abcd"]
    manifest = site.pool.manifest("lab/net", [("w", b"abcd", 1)], [([], [entry])], change)
    Writer(site.pool, b"a" * 16).record(committed(manifest))
    done, _ = site.restore("lab/net")
    assert done.returncode == 5
    assert "Traceback" not in done.stderr
    listed = site.run("list")
    assert listed.returncode == 5
    assert "its manifest cannot be read" in listed.stdout


def test_fragments_with_a_base_are_refused_by_name(site):
    good = [site.pool.fragment_id(b"abcd"), 4, 0, 0, b"abcd"]
    writer = Writer(site.pool, b"a" * 16)
    for tag, fragments, bases in (("based", [good + [0]], [good]), ("unused", [good], [good])):
        writer.record(committed(site.pool.manifest("lab/net", [("w", b"abcd", 1)], [([], fragments)], bases=bases), tag))
    done, found = site.restore("lab/net:based")
    assert (done.returncode, found) == (5, None) and "needs a base" in done.stderr
    assert site.restore("lab/net:unused")[1] == {"w": b"abcd"}


@pytest.mark.parametrize("where", ["content root", "structure root", "content segment", "structure segment"])
def test_a_manifest_that_asks_for_more_is_refused_with_the_name(site, monkeypatch, where):
    kind, part = (2 if "structure" in where else 3), where.split()[1]
    whole = site.pool.document
    monkeypatch.setattr(site.pool, "document", lambda object_type, value: whole(
        object_type, dict(value, must=["deltas"]) if (object_type, value["kind"]) == (kind, part) else value))
    write(site, {"w": site.random.randbytes(3000)})
    done, found = site.restore("lab/net")
    assert (done.returncode, found) == (5, None) and "a reader that knows deltas" in done.stderr
    listed = site.run("list")
    assert listed.returncode == (5 if part == "root" else 0) and "lab/net" in listed.stdout


def test_the_structure_root_names_the_content_segments(site):
    entry = [site.pool.fragment_id(b"abcd"), 4, 0, 0, b"abcd"]
    manifest = site.pool.manifest("lab/net", [("w", b"abcd", 1)], [([], [entry])], changed_structure={"contents": []})
    Writer(site.pool, b"a" * 16).record(committed(manifest))
    done, found = site.restore("lab/net")
    assert found == {"w": b"abcd"} and "does not name the content segments" in done.stderr


def test_wrong_sha256(site):
    entry = [site.pool.fragment_id(b"abcd"), 4, 0, 0, b"abcd"]
    manifest = site.pool.manifest("lab/net", [("w", b"abce", 1)], [([], [entry])])
    Writer(site.pool, b"a" * 16).record(committed(manifest))
    done, _ = site.restore("lab/net")
    assert done.returncode == 5
    assert "SHA-256" in done.stderr


def test_a_frame_moved_to_another_place_does_not_open(site):
    parts = [site.random.randbytes(100), site.random.randbytes(100)]
    pack, entries = site.pool.pack([(p, raw) for p in parts], 1, 0)
    a, b = entries.values()
    for swapped in ([a[:4] + [0] + b[5:]], [a[:4] + [0] + a[5:7] + [1]], [a[:4] + [0, 10 ** 9] + a[6:]]):
        manifest = site.pool.manifest("lab/net", [("w", parts[0], 1)], [([pack], swapped)])
        writer = Writer(site.pool, site.random.randbytes(16))
        writer.record(committed(manifest, tag=writer.name.hex()))
        done, _ = site.restore("lab/net:" + writer.name.hex())
        assert done.returncode == 5
    manifest = site.pool.manifest("lab/net", [("w", parts[0], 1)], [([pack], [a[:4] + [0] + a[5:]])])
    Writer(site.pool, b"b" * 16).record(committed(manifest, tag="good"))
    assert site.restore("lab/net:good")[1] == {"w": parts[0]}


def test_a_document_of_impossible_size_is_refused(site):
    """A CBOR length above 64 MiB is refused before it is decompressed."""
    keys = rescue.Keys(site.pool.pool_id)
    keys.roots[1] = site.pool.roots[1]
    salt = bytes(32)
    seal, commitment = site.pool.sealer(3, salt)
    packed, _, _ = zstd(cbor2.dumps(bytes(1 << 16)))
    impossible, wrong = "impossible lengths", "decompress to its length"
    for length, packed_length, complaint in (
            ((1 << 26) + 1, len(packed), impossible), (1 << 16, len(packed) + 1, impossible), (5, len(packed), wrong)):
        sealed = seal(0, struct.pack("<II", length, packed_length) + packed)
        head = b"MFLT\1\3" + bytes([site.pool.suite, 0]) + struct.pack("<I4xQ", 1, len(sealed))
        with pytest.raises(rescue.Damaged, match=complaint):
            keys.document(head + site.pool.pool_id[:8] + salt + commitment + sealed, 3)


@pytest.mark.parametrize("at, value", [(0, 0x4E), (4, 2), (5, 2), (6, 3), (7, 1), (8, 9), (12, 1), (16, 0), (24, 0), (32, 0), (64, 0), (-1, 0)])
def test_a_changed_header_is_refused(site, at, value):
    keys = rescue.Keys(site.pool.pool_id)
    keys.roots[1] = site.pool.roots[1]
    good = site.pool.document_bytes(3, {"a": 1})
    assert keys.document(good, 3) == {"a": 1}
    bad = bytearray(good)
    bad[at] = value if bad[at] != value else value + 1
    with pytest.raises(rescue.Damaged):
        keys.document(bytes(bad), 3)
    with pytest.raises(rescue.Damaged):
        keys.document(good, 2)
