"""Everything comes back on an empty machine from the stores and one secret."""
import os
import shutil
import time

import pytest

from program import Exit, Home, Site, hashes
from samples import MIB, random_file


@pytest.fixture
def filled(site):
    """A pool with models and what they hash to."""
    expected = {}
    for number, size in enumerate([0, 1000, 300 << 10, 9 * MIB]):
        file = random_file(site.base / "file.bin", size, number)
        expected[f"lab/net{number}"] = hashes(file)
        site.push(file, f"lab/net{number}:v1", "--description", f"number {number}")
    return site, expected


def assert_all_there(home, expected):
    for name, files in expected.items():
        target = home.base / "got.bin"
        home.ok("pull", f"{name}:v1", "-o", target)
        assert hashes(target) == files
        target.unlink()
    assert set(home.models()) == set(expected)


def passphrase_site(base):
    secret = base / "passphrase"
    secret.write_text("correct horse battery staple\n")
    # init asks for the passphrase file; what follows finds it by the environment.
    before = os.environ.get("MODELFLOAT_PASSPHRASE_FILE")
    os.environ["MODELFLOAT_PASSPHRASE_FILE"] = str(secret)
    try:
        return Site(base, secret=("--passphrase-file", secret), stores=6), secret
    finally:
        os.environ.pop("MODELFLOAT_PASSPHRASE_FILE") if before is None else None


def test_with_the_recovery_code(filled):
    site, expected = filled
    home, done = site.recover(site.base, "new")
    assert done.json["models"] == len(expected) and done.json["stores"] == 6
    assert done.json["bytes_read"] < 10 * MIB, "a recovery reads kilobytes, not models"
    assert_all_there(home, expected)
    assert home.models()["lab/net3"]["description"] == "number 3"
    home.ok("verify", "--read")
    # The code stays on its paper: the home has a key of its own, and goes on without it.
    assert (home.folder / "key").stat().st_mode & 0o777 == 0o600
    home.ok("push", random_file(home.base / "more.bin", MIB, 50), "--name", "lab/more")
    assert set(site.models()) == {*expected, "lab/more"}


def test_with_two_stores_missing(filled):
    site, expected = filled
    with site.gone(site.stores[1], site.stores[4]):
        left = [store for store in site.stores if store.exists()]
        home, done = site.recover(site.base, "new", stores=left)
        assert done.json["models"] == len(expected)
        assert_all_there(home, expected)
    # The stores that were away are known by the catalogue, and are there again when they are back.
    assert home.json("status")["domains_online"] == 6
    home.ok("verify", "--read")


def test_a_named_store_that_is_not_there(filled):
    site, expected = filled
    with site.gone(site.stores[0]):
        home, done = site.recover(site.base, "new")
        assert done.json["models"] == len(expected)
        assert_all_there(home, expected)


@pytest.mark.parametrize("how", ["code", "key file", "passphrase"])
def test_wrong_secret(base, how):
    site = passphrase_site(base)[0] if how == "passphrase" else Site(base)
    other = Site(base / "other", "1+0", stores=1)
    wrong = {"code": ("--recovery-code-file", other.code_file), "key file": ("--key-file", other.folder / "key"),
             "passphrase": ("--passphrase-file", base / "wrong")}[how]
    (base / "wrong").write_text("incorrect horse\n")
    began = time.monotonic()
    home, done = site.recover(base, "new", secret=wrong, code=Exit.DENIED)
    assert time.monotonic() - began < 5
    assert done.json["error"]["kind"] == "denied"
    assert home.run("ls").code == Exit.NOT_FOUND, "a pool was left in the home"
    # The home is as empty as before: the right code opens it.
    stores = [part for store in site.stores for part in ("--store", f"local:{store}")]
    again = home.run("recover", "--recovery-code-file", site.code_file, *stores)
    assert again.code == 0, again


def test_a_log_that_was_read_on_too_few_stores_is_said(base):
    site = Site(base)
    home, _ = site.recover(base, "whole", stores=site.stores[:1])  # it names the others
    assert len(home.json("store", "ls")["stores"]) == 6
    with site.gone(*site.stores[1:]):
        _, done = site.recover(base, "new", stores=site.stores[:1], code=Exit.DEGRADED)
    assert "the log could not be read on s1" in done.err


@pytest.mark.parametrize("text", ["", "no code at all", "a" * 56, "-".join(["aaaaaaa"] * 8), "-".join(["aaaaaaa"] * 7)])
def test_what_is_no_recovery_code(site, text):
    site.code_file.write_text(text)
    _, done = site.recover(site.base, "new", code=None)
    assert done.code in (Exit.ERROR, Exit.USAGE, Exit.DENIED) and "code" in done.err, done


def test_typing_of_the_code_does_not_matter(site):
    code = site.code_file.read_text().strip()
    assert len(code.split("-")) == 8 and len(code) == 63
    site.code_file.write_text(code.upper().replace("-", " ") + "  \n")
    site.recover(site.base, "new")


def test_a_mistyped_letter_is_told_from_another_code(site):
    code = site.code_file.read_text().strip()
    site.code_file.write_text(("b" if code[0] == "a" else "a") + code[1:])
    _, done = site.recover(site.base, "new", code=None)
    assert done.code in (Exit.ERROR, Exit.DENIED) and "typing error" in done.err, done
    other = Site(site.base / "other", "1+0", stores=1)
    _, done = site.recover(site.base, "again", secret=("--recovery-code-file", other.code_file), code=Exit.DENIED)
    assert "typing error" not in done.err, done


def test_with_the_key_file(filled):
    site, expected = filled
    home, done = site.recover(site.base, "new", secret=("--key-file", site.folder / "key"))
    assert done.json["models"] == len(expected)
    assert_all_there(home, expected)


def recover_again(home, site, *secret):
    """In a home that has lost its registry."""
    for file in home.folder.glob("registry.db*"):
        file.unlink()
    home.ok("recover", *secret, *(part for store in site.stores for part in ("--store", f"local:{store}")))


def test_the_key_file_that_was_given_is_found_from_then_on(site):
    home, _ = site.recover(site.base, "new", secret=("--key-file", site.folder / "key"))
    assert not (home.folder / "key").exists()
    home.ok("ls")
    recover_again(home, site, "--key-file", site.folder / "key")
    home.ok("ls")


def test_the_key_of_an_earlier_pool_is_forgotten(site):
    home = Home(site.base, "new")
    home.ok("init", "--key-file", site.base / "earlier")
    recover_again(home, site, "--recovery-code-file", site.code_file)  # the home gets a key of its own
    home.ok("ls")
    other = Home(site.base, "other")
    other.ok("init", "--key-file", site.base / "earlier")
    for file in other.folder.glob("registry.db*"):
        file.unlink()
    other.ok("init")
    (site.base / "earlier").unlink()
    other.ok("status")


def test_with_the_passphrase(base):
    site, secret = passphrase_site(base)
    assert not (site.folder / "key").exists()
    file = random_file(base / "file.bin", 2 * MIB, 1)
    site.push(file, "lab/net:v1")
    home, done = site.recover(base, "new", secret=("--passphrase-file", secret))
    assert done.json["models"] == 1
    home.environment["MODELFLOAT_PASSPHRASE_FILE"] = str(secret)
    assert_all_there(home, {"lab/net": hashes(file)})


@pytest.mark.parametrize("kib", [16, 64, 160, 220, 260, 300, 340, 500])
def test_a_full_local_disk(filled, small_disk, kib):
    """Without room for the registry nothing is left that passes for a pool; with room, the same command does it."""
    site, expected = filled
    disk = small_disk("disk", kib << 10)
    home = Home(disk, "new")
    command = ("recover", "--recovery-code-file", site.code_file, *(part for store in site.stores for part in ("--store", f"local:{store}")))
    done = home.run(*command)
    if done.code == 0:  # it was enough
        assert kib > 160, done
    else:
        assert done.code == Exit.ERROR and ("space" in done.err or "full" in done.err), done
        listed = home.run("ls")
        assert listed.code == Exit.NOT_FOUND or "space" in listed.err, listed  # the registry may have no room to be opened, either
        small_disk("disk", 64 * MIB, "remount")
        home.ok(*command)
    assert_all_there(home, expected)
    home.ok("verify")


def test_refuses_a_home_that_has_a_pool(site):
    places = ("--store", f"local:{site.stores[0]}")
    refused = site.run("recover", "--recovery-code-file", site.code_file, *places, code=Exit.ERROR)
    assert "pool" in refused.err
    site.ok("status")


def test_no_store_answers(site):
    with site.gone(*site.stores):
        site.recover(site.base, "new", code=Exit.UNREACHABLE)


def test_wants_one_secret(base):
    home = Home(base)
    home.run("recover", "--store", f"local:{base}/x", code=Exit.USAGE)
    home.run("recover", "--recovery-code-file", "a", "--key-file", "b", "--store", f"local:{base}/x", code=Exit.USAGE)
    home.run("recover", "--recovery-code-file", base / "not-there", "--store", f"local:{base}/x", code=Exit.NOT_FOUND)


def test_a_restored_backup_of_the_home_starts_a_new_chain(site):
    """A home that is older than the stores knows less than it wrote itself: it must not write the same numbers again."""
    backup = site.base / "backup"
    shutil.copytree(site.folder, backup)
    site.push(random_file(site.base / "a.bin", MIB, 1), "lab/a")
    shutil.rmtree(site.folder)
    backup.rename(site.folder)
    site.push(random_file(site.base / "b.bin", MIB, 2), "lab/b")
    assert set(site.models()) == {"lab/a", "lab/b"}
    numbers = [(path.parent.name, path.name.split("-")[0]) for path in site.objects("log", stores=site.stores[:1])]
    assert len(numbers) == len(set(numbers)), "one number was written twice"
    assert len({writer for writer, _ in numbers}) == 2
