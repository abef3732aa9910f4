"""A push that is killed at any moment and started again ends well."""
import contextlib
import os
import random
import signal
import subprocess
import time

import pytest

from program import Exit, hashes, wait_until
from samples import MIB, random_file

ROUNDS, KILLS = (5 if os.environ.get("MODELFLOAT_NIGHTLY") else 2), 10  # 50 moments in the nights
SHARDS = 6  # of a pack
PACK = 14 * MIB  # of a model are in a full pack, at least: of 16 MiB, a fragment may not have fitted in at the end


def kill(process):
    """SIGKILL; whether it was still running."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def shards_on(site):
    """The names of those that are there as a whole."""
    return {path.name for path in site.objects() if not path.name.startswith(".")}


def durable_bytes(shards):
    """What is durable at least with these shards of a killed push: one pack is on its way at a time, so all but the last were confirmed and entered."""
    return max(0, (len(shards) - 1) // SHARDS) * PACK


def assert_whole_or_absent(site, name, expected):
    """A killed push may have been through already; then the model is whole."""
    if name in site.models():
        assert site.pull(name)[1] == expected
        return True
    site.run("pull", name, "-o", site.base / "never", code=Exit.NOT_FOUND)
    assert not (site.base / "never").exists()
    return False


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_random_moments(site, round_number):
    """Ten kills in the middle of a push: by chance a number of shards is there, and then a while passes."""
    chance = random.Random(round_number)
    began = time.monotonic()
    shards = site.push(random_file(site.base / "first.bin", 48 * MIB, 1000 + round_number), "lab/first")["packs"] * SHARDS
    pause = (time.monotonic() - began) / 8
    kept, killed, names = 0, 0, ["lab/first"]
    for number in range(4 * KILLS):
        if killed == KILLS:
            break
        names.append(f"lab/net{number}")
        file = random_file(site.base / "net.bin", 48 * MIB, 100 * round_number + number)
        expected = hashes(file)
        before = shards_on(site)
        wanted = chance.randrange(shards - SHARDS)
        process = site.start("push", file, "--name", names[-1], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: len(shards_on(site) - before) >= wanted or process.poll() is not None, f"{wanted} shards on the stores")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0, pause))
        in_time = kill(process)
        durable = durable_bytes(shards_on(site) - before)
        there = assert_whole_or_absent(site, names[-1], expected)
        pushed = site.push(file, names[-1])
        assert pushed["bytes"] - pushed["new_bytes"] >= durable, pushed
        if in_time and not there:
            killed += 1
            kept += pushed["bytes"] - pushed["new_bytes"]
        else:
            pause /= 2  # the machine has become faster
        assert site.pull(names[-1])[1] == expected
    assert killed == KILLS, f"only {killed} of {4 * KILLS} pushes were still under way"
    assert kept >= PACK, "no push had got anywhere when it was killed"
    site.ok("verify", "--read")
    assert set(site.models()) == set(names)
    home, _ = site.recover(site.base, "elsewhere")
    assert set(home.models()) == set(names)


def test_durable_packs_are_kept(site):
    """Killed when most of it lies on the stores, the rest alone is new."""
    file = random_file(site.base / "net.bin", 256 * MIB, 1)
    process = site.start("push", file, "--name", "lab/net", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: len(shards_on(site)) >= 10 * SHARDS or process.poll() is not None, "ten packs on the stores")
    assert kill(process), "the push was through before it could be killed"
    durable = durable_bytes(shards_on(site))
    assert durable >= 9 * PACK
    assert not assert_whole_or_absent(site, "lab/net", hashes(file))
    pushed = site.push(file, "lab/net")
    assert pushed["new_bytes"] <= pushed["bytes"] - durable, pushed
    assert site.pull("lab/net")[1] == hashes(file)
    site.ok("verify", "--read")


def test_killed_again_and_again(site):
    """Each try gets further, so that it ends."""
    file = random_file(site.base / "net.bin", 256 * MIB, 2)
    durable = 0
    for _ in range(3):
        before = shards_on(site)
        process = site.start("push", file, "--name", "lab/net", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: len(shards_on(site) - before) >= 4 * SHARDS or process.poll() is not None, "four more packs on the stores")
        assert kill(process), "the push was through before it could be killed"
        durable += durable_bytes(shards_on(site) - before)
    assert durable >= 9 * PACK
    pushed = site.push(file, "lab/net")
    assert pushed["new_bytes"] <= pushed["bytes"] - durable, pushed
    assert site.pull("lab/net")[1] == hashes(file)
    site.ok("verify", "--read")


def test_interrupt_is_told_and_leaves_nothing_half(site):
    file = random_file(site.base / "net.bin", 256 * MIB, 3)
    process = site.start("push", file, "--name", "lab/net", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_until(lambda: len(site.objects()) >= 6 or process.poll() is not None, "a pack on the stores")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert_whole_or_absent(site, "lab/net", hashes(file))
    site.push(file, "lab/net")
    assert site.pull("lab/net")[1] == hashes(file)


def test_a_killed_pull_can_be_made_again(site):
    file = random_file(site.base / "net.bin", 256 * MIB, 4)
    site.push(file, "lab/net")
    folder = site.base / "out"
    folder.mkdir()
    process = site.start("pull", "lab/net", "-o", folder / "net.bin", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: any(folder.iterdir()) or process.poll() is not None, "the pull has begun to write")
    kill(process)
    assert not (folder / "net.bin").exists() or hashes(folder / "net.bin") == hashes(file)
    site.ok("pull", "lab/net", "-o", folder / "net.bin")
    assert hashes(folder / "net.bin") == hashes(file)
