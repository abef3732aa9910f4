"""What the C++ program stored, the reader that was written from the page alone brings back."""
import hashlib
import itertools
import os
import random
import subprocess
from pathlib import Path

import pytest

from conftest import Site, flip

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("MODELFLOAT_TEST_PROGRAM", ROOT / "build/release/bin/modelfloat"))
PHRASE = "correct horse battery staple"

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason=f"MODELFLOAT_TEST_PROGRAM is not built: {PROGRAM}")


class WrittenSite(Site):
    """Six stores that the built program filled."""

    def __init__(self, base, redundancy, *secret):
        self.base = base
        self.stores = [base / ("store%d" % i) for i in range(6)]
        self.home = base / "home"
        made = self.program("init", "--redundancy", redundancy, *secret)
        self.code = base / "code"
        self.code.write_text(made.split("recovery code", 1)[1].split()[0] + "\n")
        for store in self.stores:
            self.program("store", "add", store.name, "local:%s" % store)

    def restore(self, *arguments, **options):
        """As in Site, but with hashes instead of contents: a difference of megabytes cannot be shown."""
        done, found = super().restore(*arguments, **options)
        return done, found and hashes(found)

    def program(self, *arguments):
        environment = dict(os.environ, MODELFLOAT_HOME=str(self.home), MODELFLOAT_PASSPHRASE_FILE=str(self.base / "phrase"))
        done = subprocess.run([PROGRAM, *map(str, arguments)], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def push(self, files, name, *more):
        folder = self.base / "source"
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        self.program("push", folder, "--name", name, *more)


def hashes(files):
    return {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}


def many_files():
    """Enough for several packs and both codecs, with what is odd."""
    noise = random.Random(2)
    return {
        "weights.bin": noise.randbytes(18_000_000),
        "same again.bin": noise.randbytes(1_500_000) * 2,
        "text/zażółć.txt": b"the same line again and again\n" * 100_000,
        "empty": b"",
        "one": b"1",
    }


@pytest.fixture(params=["4+2", "1+2"])
def written(tmp_path, request):
    site = WrittenSite(tmp_path, request.param)
    files = many_files()
    site.push(files, "lab/net:v1")
    site.files = hashes(files)
    return site


def test_healthy(written):
    done, found = written.restore("lab/net:v1")
    assert found == written.files, done.stderr
    assert done.stderr == ""
    listed = written.run("list")
    assert listed.returncode == 0 and "lab/net" in listed.stdout and "v1" in listed.stdout


def test_pairs_of_stores_lost(written):
    for lost in list(itertools.combinations(written.stores, 2))[::3]:
        done, found = written.restore("lab/net", stores=[store for store in written.stores if store not in lost])
        assert found == written.files, done.stderr


def test_too_many_stores_lost(tmp_path):
    site = WrittenSite(tmp_path, "4+2")
    site.program("store", "rm", "store5")
    site.program("store", "add", "store5", "local:%s" % site.stores[5])
    site.push(many_files(), "lab/net")
    done, found = site.restore("lab/net", stores=site.stores[:3])
    assert done.returncode == 5 and found is None
    for store in site.stores[3:]:
        assert "store %s of this pool, local:%s: NOT given" % (store.name, store) in done.stderr


def damage(number, shard):
    if number % 3 == 0:
        shard.write_bytes(shard.read_bytes()[:-100])
    elif number % 3 == 1:
        shard.unlink()
    else:
        flip(shard, 5000)


def test_damaged_shards(written):
    """Two bad shards in each pack, each in another way. One pair of stores may have what nobody reads: parity alone."""
    holders = [store for store in written.stores if any((store / "mf1/shard").rglob("*/*"))]  # three copies are not on all six
    said = ""
    for pair in zip(holders[::2], holders[1::2]):
        before = {shard: shard.read_bytes() for store in pair for shard in sorted((store / "mf1/shard").rglob("*/*"))}
        for store in pair:
            for number, shard in enumerate(shard for shard in before if shard.is_relative_to(store)):
                damage(number, shard)
        done, found = written.restore("lab/net")
        assert found == written.files, done.stderr
        said += done.stderr
        for shard, content in before.items():
            shard.write_bytes(content)
    assert "mf1/shard" in said or any(store.name in said for store in holders)


def test_key_file(written):
    done, found = written.restore("lab/net", secret=("--key-file", written.home / "key"))
    assert found == written.files, done.stderr


def test_passphrase(tmp_path):
    (tmp_path / "phrase").write_text(PHRASE + "\n")
    site = WrittenSite(tmp_path, "4+2", "--passphrase-file", tmp_path / "phrase")
    files = {"a.bin": random.Random(3).randbytes(400_000)}
    site.push(files, "lab/net")
    for secret in (("--passphrase-file", tmp_path / "phrase"), None):
        done, found = site.restore("lab/net", secret=secret)
        assert found == hashes(files), done.stderr
    (tmp_path / "wrong").write_text("incorrect horse\n")
    done, _ = site.restore("lab/net", secret=("--passphrase-file", tmp_path / "wrong"))
    assert done.returncode == 7


def test_revisions_tags_and_removal(tmp_path):
    site = WrittenSite(tmp_path, "4+2")
    versions = {}
    for tag in ("v1", "v2"):
        versions[tag] = {"a.bin": tag.encode() * 200_000}
        site.push(versions[tag], "lab/net:%s" % tag)
    site.push({"b.bin": b"b"}, "lab/gone")
    site.program("rm", "lab/gone")
    for tag, files in versions.items():
        done, found = site.restore("lab/net:%s" % tag)
        assert found == hashes(files), done.stderr
    assert site.restore("lab/gone")[0].returncode == 3
    assert "lab/gone" not in site.run("list").stdout


def test_more_records_than_a_checkpoint(tmp_path):
    site = WrittenSite(tmp_path, "1+2")
    for number in range(40):
        site.push({"a": b"%d" % number}, "many/m%d" % number)
    assert list((site.stores[0] / "mf1/checkpoint").rglob("*-*")) and list((site.stores[0] / "mf1/part").rglob("*-*"))
    for number in (0, 39):
        assert site.restore("many/m%d" % number)[1] == hashes({"a": b"%d" % number})
    assert site.run("list").stdout.count("many/m") == 40


def test_the_reader_beside_the_data_is_this_one(written):
    for store in written.stores:
        beside = store / "mf1/rescue.py"
        assert hashlib.sha256(beside.read_bytes()).digest() == hashlib.sha256((ROOT / "tools/rescue.py").read_bytes()).digest()
        assert (store / "mf1/FORMAT.txt").read_bytes() == (ROOT / "tools/FORMAT.txt").read_bytes()
