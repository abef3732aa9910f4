"""Folders on file systems that lack what a disk has, and folders that are named as people type them."""
import errno
import os
import subprocess

import pytest

from program import PROGRAM, Exit, Home, hashes
from refused_calls import FALLOCATE, FSYNC, LINKAT, RENAMEAT2, SYNC_FILE_RANGE, refusing
from samples import MIB, random_file


@pytest.fixture
def strange(base):
    """run(home, command...): there every folder is one that cannot be synced, and no file takes more than the plainest calls."""
    lacks = refusing({FSYNC: errno.EINVAL, SYNC_FILE_RANGE: errno.ENOSYS, FALLOCATE: errno.EOPNOTSUPP, LINKAT: errno.EPERM, RENAMEAT2: errno.EINVAL})

    def run(home, *arguments, code=Exit.OK):
        done = subprocess.run([str(PROGRAM), *map(str, arguments)], env=home.environment, cwd=home.work, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, preexec_fn=lacks, timeout=180)
        if done.returncode == 99:
            pytest.skip(done.stderr)
        assert done.returncode == code, done
        return done

    return run


def test_a_folder_that_cannot_be_synced_is_a_store_and_that_is_said_once(base, strange):
    home = Home(base)
    strange(home, "init", "--redundancy", "1+0")
    added = strange(home, "store", "add", "usb", f"local:{base}/usb")
    assert added.stderr.count("cannot sync folders") == 1 and f"{base}/usb" in added.stderr, added
    file = random_file(base / "a.bin", 3 * MIB, 1)
    pushed = strange(home, "push", file, "--name", "lab/a")
    assert "sync" not in pushed.stderr, pushed
    strange(home, "pull", "lab/a", "-o", base / "back")
    assert hashes(base / "back") == hashes(file)


def test_a_folder_that_can_be_synced_is_added_without_a_word(base):
    home = Home(base)
    home.ok("init", "--redundancy", "1+0")
    assert "sync" not in home.ok("store", "add", "disk", f"local:{base}/disk").err


def test_a_tilde_is_the_home_folder(base):
    home = Home(base)
    home.ok("init", "--redundancy", "1+0", "--key-file=~/key")
    assert (base / "home/key").is_file()
    added = home.json("store", "add", "disk", "local:~/models")
    assert added["url"] == f"local:{base}/home/models"
    assert (base / "home/models/mf1/marker").is_file()
    assert os.listdir(home.work) == []
    (home.folder / "config.toml").write_text('key_file = "~/key"\n')
    home.ok("status")
    home.environment["MODELFLOAT_HOME"] = "~/state"
    home.ok("status")


def test_a_relative_folder_is_kept_by_its_whole_path(base):
    home = Home(base)
    home.ok("init", "--redundancy", "1+0")
    assert home.json("store", "add", "disk", "local:here/models")["url"] == f"local:{home.work}/here/models"


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_what_is_no_folder_is_refused_in_plain_words(base, place):
    home = Home(base)
    home.ok("init", "--redundancy", "1+0")
    (base / "file").write_text("x")
    refused = home.run("store", "add", "disk", f"local:{base}/{place}", code=Exit.ERROR)
    assert f"{base}/{place}: is not a folder" in refused.err and "filesystem error" not in refused.err, refused
