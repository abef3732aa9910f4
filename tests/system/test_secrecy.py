"""No store learns anything, and no model stays on this machine's disk."""
import hashlib
import mmap
import os
import re
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from program import descendants, wait_until
from samples import Gguf, random_bytes


def contains(path, needles):
    """Which of the needles a file contains. Files that vanish contain nothing."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return []
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return [needle for needle in needles if content.find(needle) >= 0]
    except (OSError, ValueError):
        return []


def plain_files(folder):
    for path in folder.rglob("*"):
        try:
            if stat.S_ISREG(path.lstat().st_mode):
                yield path
        except OSError:
            pass


def all_forms(digest_hex):
    return [digest_hex.encode(), digest_hex.upper().encode(), bytes.fromhex(digest_hex)]


def test_stores_learn_nothing(site, smollm2):
    """No piece of a file, no name, no text, no hash in any store, neither in what is stored nor in what it is called."""
    folder = site.base / "secret-project-nightingale"
    folder.mkdir()
    model = smollm2.read_bytes()
    (folder / "weights-nightingale.gguf").write_bytes(model)
    note = b"the nightingale sings at dawn; " * 40
    (folder / "nightingale.txt").write_bytes(note)
    (folder / "noise-nightingale.bin").write_bytes(random_bytes(3_000_000, 1))
    pushed = site.push(folder, "nightingale/secret", "--description", "about a nightingale", "--framework", "nightingale-ml")
    needles = [b"nightingale", b"Nightingale", b"general.architecture", b"blk.0.attn_q.weight", b"SmolLM2", b"llama"]
    needles += all_forms(pushed["revision"])
    for file in folder.iterdir():
        needles += all_forms(hashlib.sha256(file.read_bytes()).hexdigest())
    step = len(model) // 12
    needles += [model[at:at + 32] for at in range(step // 2, len(model), step)]
    needles += [random_bytes(3_000_000, 1)[at:at + 32] for at in (0, 1_500_000)]
    needles += [str(len(model)).encode(), str(folder).encode()]
    needles = [needle for needle in needles if len(set(needle)) > 3]
    checked = 0
    for store in site.stores:
        for path in plain_files(store):
            if path.name in ("FORMAT.txt", "rescue.py"):
                continue
            assert contains(path, needles) == [], path
            checked += 1
        for path in store.rglob("*"):
            assert not any(needle in os.fsencode(str(path.relative_to(store))) for needle in needles), path
    assert checked > 36
    # The search itself finds what is there.
    assert contains(folder / "nightingale.txt", needles) == [b"nightingale"]


def test_names_on_the_stores_are_those_of_the_format(site, smollm2):
    site.push(smollm2, "lab/net")
    content = re.compile(r"mf1/(shard|structure|content|slot)/([0-9a-f]{2})/\2[0-9a-f]{62}")
    chain = re.compile(r"mf1/(log|checkpoint)/[0-9a-f]{32}/[0-9a-f]{16}-[0-9a-f]{64}")
    for store in site.stores:
        for path in plain_files(store):
            name = str(path.relative_to(store))
            assert content.fullmatch(name) or chain.fullmatch(name) or name in ("mf1/marker", "mf1/FORMAT.txt", "mf1/rescue.py"), name


def test_shards_look_random_and_alike(site):
    """Of equal length but for the last pack's, whatever was in the file, so that sizes tell a class only."""
    file = site.base / "file.bin"
    file.write_bytes(random_bytes(40_000_000, 1))
    site.push(file, "lab/net")
    sizes = {}
    for shard in site.objects():
        sizes[shard.stat().st_size] = sizes.get(shard.stat().st_size, 0) + 1
    assert len(sizes) <= 2 and (4 << 20) + 96 in sizes, sizes


def open_files(pid):
    """(what /proc calls it, the link to it) for every descriptor and mapping of a process. PermissionError for modelfloat itself, which only root
    looks into."""
    found = []
    for link in list(Path(f"/proc/{pid}/fd").iterdir()):
        try:
            found.append((os.readlink(link), link))
        except OSError:
            pass
    try:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            parts = line.split(maxsplit=5)
            if len(parts) == 6 and parts[5].startswith("/"):
                found.append((parts[5], Path(f"/proc/{pid}/map_files/{parts[0]}")))
    except OSError:
        pass
    return found


def is_in_memory(name):
    return name.startswith("/memfd:") or not name.startswith("/") or name.startswith(("/dev/", "/proc/")) and not name.startswith("/dev/shm")


def new_files(since, away):
    """Files of the places where programs put things, not too deep, changed since then, but for the folder `away`."""
    for root in (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), Path("/run")):
        for folder, folders, names in os.walk(root):
            here = Path(folder)
            deep = len(here.relative_to(root).parts) >= 2
            folders[:] = [] if deep else [name for name in folders if here / name != away and not (here / name).is_symlink()]
            for name in names:
                try:
                    status = (here / name).lstat()
                except OSError:
                    continue
                if stat.S_ISREG(status.st_mode) and status.st_mtime >= since:
                    yield here / name


def canaries(model):
    """64 bytes each of the tensors' data."""
    plain = Gguf(model)
    step = (len(model) - plain.data_begin) // 9
    return [model[at:at + 64] for at in range(plain.data_begin + step, len(model) - step, step)]


def test_a_model_that_runs_is_on_no_disk(site, smollm2, llama_server):
    began = time.time() - 1
    model = smollm2.read_bytes()
    needles = canaries(model)
    assert contains(smollm2, needles) == needles
    site.push(smollm2, "lab/smollm2")
    process = site.start("run", "lab/smollm2", "Once upon a time", "-n", 60, "--temperature", 0, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL)
    assert process.stdout.read(1), "no text came"  # the engine has the model now, and goes on writing
    family = descendants(process.pid)
    for pid in family:
        os.kill(pid, signal.SIGSTOP)  # nothing moves while it is looked at
    engines = [pid for pid in family if Path(f"/proc/{pid}/exe").resolve().name.startswith("llama-server")]
    assert engines, family
    places = [(pid, name, link) for pid in family if pid in engines or os.geteuid() == 0 for name, link in open_files(pid)]
    assert os.geteuid() != 0 or any(name.startswith("/memfd:") for pid, name, _ in places if pid == process.pid), places
    assert any(name.startswith("/memfd:") for pid, name, _ in places if pid in engines), places
    for pid, name, link in places:
        if is_in_memory(name):
            continue
        assert "(deleted)" not in name, f"{pid} keeps a deleted file open: {name}"
        assert not contains(name, needles), f"{pid} has {name} open, with the model in it"
    for pid in engines:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"MODELFLOAT" not in environment and site.code_file.read_bytes().strip() not in environment
    scan_for(site, needles, began)
    for pid in reversed(family):
        os.kill(pid, signal.SIGCONT)
    rest, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    scan_for(site, needles, began)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in engines), "the engine is gone")
    assert not any(site.temporary.iterdir()), "something is left in the temporary folder"
    if os.geteuid() != 0:
        pytest.skip("all but one thing: what modelfloat itself has open is for root alone to see")


def scan_for(site, needles, began):
    for folder in (site.folder, site.temporary, site.work):
        for path in plain_files(folder):
            assert not contains(path, needles), path
    for path in new_files(began, site.base):
        assert not contains(path, needles[:1]), path  # others may write gigabytes there, so one has to do


def test_keys_are_for_the_owner_alone(site):
    assert stat.S_IMODE((site.folder / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE(site.folder.stat().st_mode) == 0o700
    code = site.code_file.read_text().strip().encode()
    for path in plain_files(site.folder):
        assert not contains(path, [code, code.replace(b"-", b"")]), path
