"""A push that is killed at any moment and started again ends well."""
import contextlib
import os
import random
import signal
import subprocess

import pytest

from program import Exit, hashes, wait_until
from samples import MIB, random_file

ROUNDS, KILLS = 5, 10  # 50 moments


def kill(process):
    """SIGKILL; whether it was still running."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


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
    chance = random.Random(round_number)
    first = random_file(site.base / "first.bin", 48 * MIB, 1000 + round_number)
    seconds = site.push(first, "lab/first")["seconds"] + 0.1
    kept, killed = 0, 0
    for number in range(KILLS):
        name = f"lab/net{number}"
        file = random_file(site.base / "net.bin", 48 * MIB, 100 * round_number + number)
        expected = hashes(file)
        process = site.start("push", file, "--name", name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0, seconds))
        killed += kill(process)
        assert_whole_or_absent(site, name, expected)
        pushed = site.push(file, name)
        kept += pushed["bytes"] - pushed["new_bytes"]
        assert site.pull(name)[1] == expected
    assert killed >= KILLS // 3, "the moments were all too late"
    print(f"{killed} of {KILLS} were killed, {kept // MIB} MiB were durable by then")
    site.ok("verify", "--read")
    assert set(site.models()) == {"lab/first", *(f"lab/net{number}" for number in range(KILLS))}
    home, _ = site.recover(site.base, "elsewhere")
    assert set(home.models()) == set(site.models())


def test_durable_packs_are_kept(site):
    """Killed when most of it lies on the stores, the rest alone is new."""
    file = random_file(site.base / "net.bin", 256 * MIB, 1)
    process = site.start("push", file, "--name", "lab/net", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: len(site.objects()) >= 60 or process.poll() is not None, "ten packs on the stores")
    assert kill(process), "the push was through before it could be killed"
    assert not assert_whole_or_absent(site, "lab/net", hashes(file))
    pushed = site.push(file, "lab/net")
    assert pushed["new_bytes"] < pushed["bytes"], pushed
    assert site.pull("lab/net")[1] == hashes(file)
    site.ok("verify", "--read")


def test_killed_again_and_again(site):
    """Each try gets further, so that it ends."""
    file = random_file(site.base / "net.bin", 256 * MIB, 2)
    shards = 0
    for _ in range(3):
        process = site.start("push", file, "--name", "lab/net", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: len(site.objects()) >= shards + 24 or process.poll() is not None, "four more packs on the stores")
        if not kill(process):
            break
        shards = len(site.objects())
    pushed = site.push(file, "lab/net")
    assert pushed["new_bytes"] < pushed["bytes"], pushed
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
