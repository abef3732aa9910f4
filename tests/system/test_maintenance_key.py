"""Whoever has the maintenance key repairs a pool and cannot read it."""
import os
import shutil
import stat

import pytest

from program import Exit, Home, Site, flip, hashes
from samples import MIB, random_file


def stores_of(site, stores=None):
    return [part for store in stores or site.stores for part in ("--store", f"local:{store}")]


@pytest.fixture
def kept(base):
    """(a pool of two models over six folders, its maintenance key, a home that has nothing)"""
    site = Site(base)
    for number, size in ((1, 20 * MIB), (2, MIB // 8)):
        site.push(random_file(site.base / f"{number}.bin", size, number), f"lab/net{number}")
    key = base / "maintenance.key"
    site.ok("key", "export", "--maintenance", "-o", key)
    return site, key, Home(base, "helper")


def assert_all_there(site):
    for number in (1, 2):
        assert site.pull(f"lab/net{number}")[1] == hashes(site.base / f"{number}.bin")


def lose(store):
    """All but the marker, which says whose store it is."""
    for file in (store / "mf1").iterdir():
        if file.is_dir():
            shutil.rmtree(file)


def files_below(folder):
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_two_stores_are_filled_again_from_an_empty_home(kept):
    site, key, helper = kept
    for store in site.stores[1], site.stores[4]:
        lose(store)
    before = files_below(site.shelf)
    would = helper.json("repair", "--maintenance-key-file", key, *stores_of(site), "--dry-run")
    assert files_below(site.shelf) == before
    done = helper.json("repair", "--maintenance-key-file", key, *stores_of(site))
    assert done == would and done["shards_written"] > 0 and done["documents_written"] > 0 and done["unrepairable"] == []
    after = files_below(site.shelf)
    assert all(after[file] == content for file, content in before.items()), "only adds"
    again = helper.ok("repair", "--maintenance-key-file", key, *stores_of(site))
    assert "nothing to write" in again.text
    assert not helper.folder.exists() and not any(helper.temporary.iterdir()), "nothing is left of it"
    site.ok("verify", "--read")
    with site.gone(site.stores[0], site.stores[5]):
        assert_all_there(site)
    # The two that were filled are enough to bring the pool back, beside any two others.
    other, done = site.recover(site.base, "other", [site.stores[1], site.stores[4], site.stores[0]])
    assert set(other.models()) == {"lab/net1", "lab/net2"}


def test_what_is_damaged_is_replaced(kept):
    site, key, helper = kept
    before = files_below(site.stores[3])
    for kind in ("shard", "content", "structure", "log", "slot"):
        flip(site.objects(kind, [site.stores[3]])[0], 100)
    done = helper.json("repair", "--maintenance-key-file", key, *stores_of(site), "--read")
    assert done["shards_written"] == 1 and done["documents_written"] == 4
    assert files_below(site.stores[3]) == before
    site.ok("verify", "--read")


def test_a_pool_in_the_home_is_not_used(kept):
    site, key, _ = kept
    lose(site.stores[2])
    other = Site(site.base / "other", stores=2, redundancy="1+1")
    before = files_below(other.base)
    other.ok("repair", "--maintenance-key-file", key, *stores_of(site))
    assert files_below(other.base) == before
    site.ok("verify", "--read")


def test_the_key_reads_nothing(kept):
    site, key, helper = kept
    for command in (("ls",), ("pull", "lab/net1"), ("push", site.base / "1.bin"), ("verify",)):
        said = site.run(*command, "--key-file", key, code=Exit.DENIED)
        assert "is a maintenance key, which cannot open the pool" in said.err, said
    said = helper.run("recover", "--key-file", key, *stores_of(site), code=Exit.DENIED)
    assert "is a maintenance key" in said.err
    text = key.read_text()
    for line in text.splitlines():
        assert "lab/net" not in line
    assert (site.folder / "key").read_text().split()[1] not in text


def test_the_file(kept, base):
    site, key, helper = kept
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_text().startswith(f"modelfloat-maintenance-key-1\npool {site.pool_id}\nstructure 1 ")
    before = key.read_text()
    assert "exists already" in site.run("key", "export", "--maintenance", "-o", key, code=Exit.ERROR).err
    assert key.read_text() == before
    # It asks no store, and is the same each time.
    with site.gone(*site.stores):
        said = site.json("key", "export", "--maintenance", "-o", base / "again.key", seconds=20)
    assert said == {"file": str(base / "again.key"), "pool_id": site.pool_id, "keys": 1, "newest_epoch": 1}
    assert (base / "again.key").read_text() == before
    site.run("key", "export", "-o", base / "other.key", code=Exit.USAGE)
    site.run("key", "export", "--maintenance", "-o", "-", code=Exit.USAGE)
    site.run("key", "export", "--maintenance", code=Exit.USAGE)
    site.run("key", "export", "--maintenance", "-o", base / "none" / "other.key", code=Exit.NOT_FOUND)
    helper.run("key", "export", "--maintenance", "-o", base / "other.key", code=Exit.NOT_FOUND)
    assert not (base / "other.key").exists()


def test_a_wrong_key_file_is_named(kept, base):
    site, key, helper = kept
    stores = stores_of(site)

    def refused(text, code):
        file = base / "wrong.key"
        file.write_text(text)
        return helper.run("repair", "--maintenance-key-file", file, *stores, code=code).err

    good = key.read_text()
    assert "use a newer program" in refused(good.replace("key-1", "key-2", 1), Exit.ERROR)
    assert "was cut off" in refused(good[:-30], Exit.ERROR)
    assert "is not a maintenance key file" in refused("hello", Exit.ERROR)
    assert "opens the whole pool" in refused((site.folder / "key").read_text(), Exit.ERROR)
    other = Site(base / "other", stores=1, redundancy="1+0")
    other.ok("key", "export", "--maintenance", "-o", base / "others.key")
    said = helper.run("--json", "repair", "--maintenance-key-file", base / "others.key", *stores, code=Exit.DENIED)
    assert site.pool_id[:16] in said.err and other.pool_id[:16] in said.err, said
    assert said.json["error"]["kind"] == "denied"
    helper.run("repair", "--maintenance-key-file", base / "none.key", *stores, code=Exit.NOT_FOUND)


def test_stores_of_others_are_left_out(kept, base):
    site, key, helper = kept
    other = Site(base / "other", stores=1, redundancy="1+0")
    before = files_below(other.stores[0])
    done = helper.run("repair", "--maintenance-key-file", key, *stores_of(site), *stores_of(other), code=Exit.DEGRADED)
    assert "is left out: it is a store of the pool" in done.err
    assert files_below(other.stores[0]) == before
    empty = base / "empty"
    empty.mkdir()
    done = helper.run("repair", "--maintenance-key-file", key, *stores_of(site), "--store", f"local:{empty}", code=Exit.DEGRADED)
    assert "has no marker" in done.err and not any(empty.iterdir())
    helper.run("repair", "--maintenance-key-file", key, "--store", f"local:{empty}", code=Exit.UNREACHABLE)


def test_too_few_shards_are_left(kept):
    site, key, helper = kept
    for store in site.stores[:3]:
        shutil.rmtree(store / "mf1/shard")
    done = helper.json("repair", "--maintenance-key-file", key, *stores_of(site), code=Exit.LOST)
    assert done["unrepairable"] and all(one["model"] == one["file"] == "" and one["pack"] for one in done["unrepairable"])
    assert "FILE THAT CANNOT BE READ" in helper.run("repair", "--maintenance-key-file", key, *stores_of(site), code=Exit.LOST).text


def test_the_budget_is_kept(kept):
    site, key, helper = kept
    lose(site.stores[0])
    documents = helper.json("repair", "--maintenance-key-file", key, *stores_of(site), "--budget", "0", code=Exit.DEGRADED)
    assert documents["shards_written"] == 0 and documents["documents_written"] > 0
    helper.ok("repair", "--maintenance-key-file", key, *stores_of(site), "--budget", "1GB")


def test_options_that_make_no_sense_together(kept):
    site, key, helper = kept
    for arguments in (stores_of(site),  # without the key
                      ("--read",),
                      ("--maintenance-key-file", key),  # without stores
                      ("lab/net1", "--maintenance-key-file", key, *stores_of(site)),
                      ("--maintenance-key-file", key, "--domain", "home", *stores_of(site)),
                      ("--maintenance-key-file", key, *stores_of(site), "--key-file", key),
                      ("--maintenance-key-file", key, *stores_of(site), "--cached")):
        for home in (helper, site):
            home.run("repair", *arguments, code=Exit.USAGE)
    said = helper.run("repair", "--maintenance-key-file", key, *stores_of(site), *stores_of(site, site.stores[:1]), code=Exit.ERROR)
    assert "given twice" in said.err


def test_a_domain_belongs_to_the_store_before_it(kept):
    """Three folders that fail together cannot keep what survives any two."""
    site, key, helper = kept
    lose(site.stores[0])
    places = [part for store in site.stores[:3] for part in ("--store", f"local:{store}", "--domain", "one rack")]
    done = helper.run("--json", "repair", "--maintenance-key-file", key, *places, *stores_of(site, site.stores[3:]), code=Exit.DEGRADED)
    assert done.json["shards_written"] > 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_read_only_home_can_export(kept, base):
    from program import become, program_for_everybody
    import subprocess
    site, key, _ = kept
    base.chmod(0o755)
    for folder, _, files in os.walk(site.base):
        os.chmod(folder, 0o755)
        for file in files:
            os.chmod(os.path.join(folder, file), 0o644)
    target = base / "for-nobody"
    target.mkdir()
    target.chmod(0o777)
    with program_for_everybody() as program:
        for above in base.parents:
            if not os.stat(above).st_mode & 0o001:
                pytest.skip(f"{above} cannot be entered by others")
        environment = dict(site.environment, TMPDIR=str(target))
        done = subprocess.run([program, "key", "export", "--maintenance", "-o", str(target / "m.key")], env=environment, cwd=target,
                              capture_output=True, text=True, preexec_fn=become(65534))
    assert done.returncode == 0, done
    assert (target / "m.key").read_text() == key.read_text()
