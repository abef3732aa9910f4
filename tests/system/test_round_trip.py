"""What was pushed comes back with equal SHA-256, whatever stores are gone, as long as the redundancy allows."""
import random
import re

import pytest

from program import Exit, Site, hashes
from samples import LARGE, MIB, random_file


def push_and_expect(site, path, name):
    site.push(path, name)
    return hashes(path)


def assert_any_two_may_go(site, name, expected):
    """With all stores, and without every one and every two of them."""
    done, found = site.pull(name)
    assert found == expected and done.err.count("warning") == 0, done
    for lost in (*site.subsets(1), *site.subsets(2)):
        with site.gone(*lost):
            done, found = site.pull(name)
            assert found == expected, done


def test_smollm2(site, smollm2):
    expected = push_and_expect(site, smollm2, "lab/smollm2")
    assert_any_two_may_go(site, "lab/smollm2", expected)


def test_minilm_folder(site, minilm):
    expected = push_and_expect(site, minilm, "lab/minilm")
    assert len(expected) > 5
    assert_any_two_may_go(site, "lab/minilm", expected)


def test_whisper(site, whisper):
    expected = push_and_expect(site, whisper / "model.bin", "lab/whisper")
    assert_any_two_may_go(site, "lab/whisper", expected)


def test_onnx_folder(site, silero):
    expected = push_and_expect(site, silero, "lab/silero")
    assert sum(path.endswith(".onnx") for path in expected) >= 5
    assert_any_two_may_go(site, "lab/silero", expected)


@pytest.mark.parametrize("size", [0, 1, 255, 256 << 10, (256 << 10) + 1, MIB, MIB + 1])
def test_small_sizes(site, size):
    file = random_file(site.base / "small.bin", size, size)
    expected = push_and_expect(site, file, "lab/small")
    assert_any_two_may_go(site, "lab/small", expected)


def test_random_100_mb(site):
    file = random_file(site.base / "random.bin", 100_000_000, 100)
    expected = push_and_expect(site, file, "lab/random")
    assert_any_two_may_go(site, "lab/random", expected)


def test_odd_folder(site):
    """Folders in folders, files without content, names that are no ASCII, and equal files."""
    folder = site.base / "odd"
    for path, content in {"a/b/c/deep.txt": b"deep", "empty": b"", "zażółć gęślą.json": b"{}", "two words": b"x" * 3_000_000,
                          "a/copy": b"x" * 3_000_000, ".hidden": b"h", "-dash": b"d"}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    expected = push_and_expect(site, folder, "lab/odd")
    assert_any_two_may_go(site, "lab/odd", expected)


def test_one_store_too_many(site):
    """All that is left of a pack is fewer than k shards: the exit code says so, what is missing is named, no file is left."""
    file = random_file(site.base / "file.bin", 20 * MIB, 3)
    expected = push_and_expect(site, file, "lab/file")
    for triple in site.subsets(3):
        with site.gone(*triple):
            done, _ = site.pull("lab/file", code=Exit.LOST)
            [what] = re.findall("pack [0-9a-f]{64}: 4 of its shards are needed and 3 can be read now; not readable: (.*)", done.err)
            shards = re.findall(r"shard ([0-5]) on (s[0-5]) \(offline\)", what)
            assert {name for _, name in shards} == {store.name for store in triple} and len({index for index, _ in shards}) == 3, done
            cat = site.run("cat", "lab/file", "file.bin", "--offset", 0, "--length", 10)
            assert cat.code in (Exit.OK, Exit.LOST)
            assert cat.out == (file.read_bytes()[:10] if cat.code == Exit.OK else b""), cat
    assert site.pull("lab/file")[1] == expected


def test_a_failed_pull_leaves_what_was_there(site):
    site.push(random_file(site.base / "file.bin", 5 * MIB, 4), "lab/file")
    target = site.base / "target"
    target.write_bytes(b"mine")
    with site.gone(*site.stores[:3]):
        site.run("pull", "lab/file", "-o", target, code=Exit.LOST)
    assert target.read_bytes() == b"mine"
    assert not list(site.base.glob("*.part")) and not list(site.base.glob(".*"))


def test_all_stores_gone(site):
    site.push(random_file(site.base / "file.bin", MIB, 5), "lab/file")
    with site.gone(*site.stores):
        done, _ = site.pull("lab/file", code=Exit.UNREACHABLE)
        for store in site.stores:
            assert store.name in done.err, done
        site.run("verify", code=Exit.UNREACHABLE)
        site.run("status", code=Exit.UNREACHABLE)
    site.ok("status")


@pytest.mark.parametrize("redundancy, stores, losses", [("16+8", 24, 8), ("1+2", 6, 2), ("1+2", 3, 2), ("10+4", 14, 4), ("2+1", 3, 1)])
def test_other_redundancies(base, redundancy, stores, losses):
    site = Site(base, redundancy, stores)
    file = random_file(base / "file.bin", 30 * MIB + 17, 6)
    expected = push_and_expect(site, file, "lab/file")
    assert site.pull("lab/file")[1] == expected
    chance = random.Random(redundancy)
    subsets = list(site.subsets(losses)) if stores <= 6 else [chance.sample(site.stores, losses) for _ in range(8)]
    for subset in subsets:
        with site.gone(*subset):
            done, found = site.pull("lab/file")
            assert found == expected, done
    if stores - losses > 1:
        # One more is too much, for a code that uses every store.
        if stores == 24 or stores == 14:
            with site.gone(*chance.sample(site.stores, losses + 1)):
                site.pull("lab/file", code=Exit.LOST)


def test_redundancy_of_one_push(site):
    file = random_file(site.base / "file.bin", 5 * MIB, 7)
    pushed = site.push(file, "lab/file", "--redundancy", "1+3")
    assert pushed["stored_bytes"] > 4 * 5 * MIB
    with site.gone(*site.stores[:3]):
        assert site.pull("lab/file")[1] == hashes(file)


def test_a_large_model(base):
    """The large file, some pairs of stores gone."""
    site = Site(base)
    file = random_file(base / "large.bin", LARGE, 2)
    expected = hashes(file)
    pushed = site.push(file, "lab/large")
    assert pushed["bytes"] == LARGE
    file.unlink()
    for subset in [(), (site.stores[0], site.stores[1]), (site.stores[2], site.stores[5])]:
        with site.gone(*subset):
            done, found = site.pull("lab/large")
            assert found == expected, done
    with site.gone(*site.stores[1:4]):
        site.pull("lab/large", code=Exit.LOST)
