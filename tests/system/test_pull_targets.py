"""What `pull -o` meets where it is to write."""
import os
import resource
import signal
import subprocess

import pytest

from program import PROGRAM, Exit, Site, hashes, same, wait_until
from samples import MIB, random_file


@pytest.fixture
def site(base):
    site = Site(base, "1+0", stores=1)
    site.push(random_file(site.base / "one.bin", MIB, 1), "lab/one")
    folder = site.base / "some"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.bin", "b.bin", "sub/c.bin"):
        random_file(folder / name, 300_000, len(name))
    site.push(folder, "lab/some")
    return site


def test_a_pipe_is_not_replaced(site):
    pipe = site.base / "pipe"
    os.mkfifo(pipe)
    refused = site.run("pull", "lab/one", "-o", pipe, code=Exit.ERROR)
    assert str(pipe) in refused.err and "cat" in refused.err
    assert pipe.is_fifo() and sorted(site.base.glob(".pipe*")) == []


def test_a_link_stands_for_what_it_leads_to(site):
    (site.base / "real.bin").write_bytes(b"old")
    link = site.base / "link.bin"
    link.symlink_to("real.bin")
    site.ok("pull", "lab/one", "-o", link)
    assert link.is_symlink() and (site.base / "real.bin").read_bytes() == (site.base / "one.bin").read_bytes()


def test_a_folder_in_the_way_is_found_before_anything_is_written(site):
    target = site.base / "target"
    (target / "b.bin").mkdir(parents=True)
    refused = site.run("pull", "lab/some", "-o", target, code=Exit.ERROR)
    assert "b.bin" in refused.err
    assert [path.name for path in target.iterdir()] == ["b.bin"] and (target / "b.bin").is_dir()
    (target / "b.bin").rmdir()
    (target / "sub").write_bytes(b"a file")
    refused = site.run("pull", "lab/some", "-o", target, code=Exit.ERROR)
    assert "sub" in refused.err and [path.name for path in target.iterdir()] == ["sub"]
    (target / "sub").unlink()
    site.ok("pull", "lab/some", "-o", target)
    assert hashes(target) == hashes(site.base / "some")


def test_names_of_255_bytes_come_back(site):
    name = "n" * 255
    file = random_file(site.base / name, 1000, 3)
    site.push(file, "lab/long")
    site.ok("pull", "lab/long", "-o", site.base / "work" / name)
    assert (site.base / "work" / name).read_bytes() == file.read_bytes()
    folder = site.base / "folder"
    folder.mkdir()
    file.rename(folder / name)
    random_file(folder / "b", 1000, 4)
    site.push(folder, "lab/longs")
    site.ok("pull", "lab/longs", "-o", site.base / "longs")
    assert hashes(site.base / "longs") == hashes(folder)


def test_a_model_of_many_files_needs_few_descriptors(site):
    folder = site.base / "many"
    for number in range(1200):
        place = folder / f"{number % 10}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.bin").write_bytes(number.to_bytes(4, "little") * 300)
    limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))}
    for arguments in (("push", folder, "--name", "lab/many"), ("pull", "lab/many", "-o", site.base / "out"), ("verify", "--read")):
        child = site.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **limit)
        _, err = child.communicate(timeout=120)
        assert child.returncode == Exit.OK, err.decode()
    assert hashes(site.base / "out") == hashes(folder)


def test_a_target_that_ends_in_a_slash_is_a_folder(site):
    site.ok("pull", "lab/one", "-o", f"{site.base}/new/")
    assert hashes(site.base / "new") == {"one.bin": hashes(site.base / "one.bin")[""]}


def test_an_empty_target_is_a_mistake(site):
    failed = site.run("pull", "lab/one", "-o", "")
    assert failed.code == Exit.USAGE and "--output: is empty" in failed.err, failed.err


def test_the_part_of_a_killed_pull_goes_at_the_next(site):
    big = random_file(site.base / "big.bin", 48 * MIB, 5)
    site.push(big, "lab/big")
    out = site.base / "out"
    out.mkdir()
    child = site.start("pull", "lab/big", "-o", out / "big.bin", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: list(out.iterdir()) or child.poll() is not None, "a part")
    os.killpg(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL, "the pull was through before it could be killed"
    assert [path.suffix for path in out.iterdir()] == [".part"]
    site.ok("pull", "lab/one", "-o", out / "one.bin")
    assert [path.name for path in out.iterdir()] == ["one.bin"]


def test_the_part_of_a_pull_that_still_runs_stays(site):
    big = random_file(site.base / "big.bin", 48 * MIB, 6)
    site.push(big, "lab/big")
    out = site.base / "out"
    out.mkdir()
    child = site.start("pull", "lab/big", "-o", out / "big.bin", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: list(out.iterdir()) or child.poll() is not None, "a part")
    os.killpg(child.pid, signal.SIGSTOP)
    site.ok("pull", "lab/one", "-o", out / "one.bin")
    os.killpg(child.pid, signal.SIGCONT)
    assert child.wait(timeout=120) == Exit.OK
    assert sorted(path.name for path in out.iterdir()) == ["big.bin", "one.bin"]
    assert same((out / "big.bin").read_bytes(), big.read_bytes())


def test_what_the_file_system_refuses_is_said_plainly(site):
    (site.base / "loop").symlink_to("loop")
    for model in ("lab/one", "lab/some"):
        for target in ("x" * 300, f"{site.base}/loop/x"):
            refused = site.run("pull", model, "-o", target)
            assert refused.code != Exit.OK and "filesystem error" not in refused.err and target in refused.err
    refused = site.run("push", site.base / "loop", "--name", "lab/loop")
    assert refused.code != Exit.OK and "filesystem error" not in refused.err and "loop" in refused.err


@pytest.fixture
def as_nobody(site):
    """as_nobody(...): the program as a user who owns the home, and not much else."""
    if os.geteuid() != 0 or subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", PROGRAM, "--version"],
                                           capture_output=True).returncode != 0:
        pytest.skip("another user cannot be played here")
    subprocess.run(["chown", "-R", "65534:65534", site.base.parent], check=True)
    return lambda *arguments: subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", PROGRAM, *map(str, arguments)],
                                             env=site.environment, cwd=site.base, capture_output=True, text=True, timeout=120)


def test_a_target_without_permission_is_denied(site, as_nobody):
    closed = site.base / "closed"
    closed.mkdir(mode=0o700)
    (closed / "in").mkdir()
    for model in ("lab/one", "lab/some"):
        for target in (closed / "x", closed / "in", closed / "in/x", f"{closed}/new/"):
            refused = as_nobody("pull", model, "-o", target)
            assert refused.returncode == Exit.DENIED and "filesystem error" not in refused.stderr and str(closed) in refused.stderr, refused
    closed.chmod(0o755)
    for model in ("lab/one", "lab/some"):
        refused = as_nobody("pull", model, "-o", closed / "x")
        assert refused.returncode == Exit.DENIED and str(closed) in refused.stderr, refused


def test_a_folder_that_may_not_be_read_is_denied_by_name(site, as_nobody):
    locked = site.base / "some" / "locked"
    locked.mkdir(mode=0o700)
    refused = as_nobody("push", site.base / "some", "--name", "lab/locked")
    assert refused.returncode == Exit.DENIED and str(locked) in refused.stderr, refused
    file = site.base / "mine.bin"
    file.write_bytes(b"x")
    file.chmod(0o600)
    refused = as_nobody("push", file, "--name", "lab/locked")
    assert refused.returncode == Exit.DENIED and str(file) in refused.stderr, refused


def test_what_cannot_be_read_names_the_model_the_file_and_what_would_bring_it_back(base):
    site = Site(base, "2+1", stores=3)
    folder = site.base / "some"
    folder.mkdir()
    for name in ("a.bin", "b.bin"):
        random_file(folder / name, MIB, len(name))
    site.push(folder, "lab/some")
    with site.gone(*site.stores[:2]):
        for arguments in (("pull", "lab/some", "-o", site.base / "out"), ("cat", "lab/some", "b.bin")):
            refused = site.run(*arguments, code=Exit.LOST)
            assert "lab/some" in refused.err and "b.bin" in refused.err
            assert "it can be read when one of these stores is back: s0, s1" in refused.err
