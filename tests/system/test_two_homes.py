"""Two machines share a pool through its stores alone."""
import shutil
import subprocess

import pytest

from program import Exit, Home, hashes
from samples import MIB, random_file


@pytest.fixture
def two(site):
    site.push(random_file(site.base / "first.bin", 3 * MIB, 1), "lab/first")
    other, _ = site.recover(site.base, "other")
    return site, other


def push(home, name, size, seed):
    file = random_file(home.base / f"{name.replace('/', '-')}.bin", size, seed)
    home.json("push", file, "--name", name)
    return hashes(file)


def pull(home, name):
    target = home.base / "pulled.bin"
    home.ok("pull", name, "-o", target)
    found = hashes(target)
    target.unlink()
    return found


def test_both_push_and_both_see(two):
    one, other = two
    expected = {"lab/one": push(one, "lab/one", 5 * MIB, 2), "lab/other": push(other, "lab/other", 5 * MIB, 3)}
    for home in two:
        assert set(home.models()) == {"lab/first", *expected}
        for name, files in expected.items():
            assert pull(home, name) == files
        home.ok("verify", "--read")


def test_what_one_stored_the_other_need_not(two):
    one, other = two
    file = random_file(one.base / "shared.bin", 9 * MIB, 4)
    assert one.json("push", file, "--name", "lab/mine")["new_bytes"] == 9 * MIB
    assert other.json("push", file, "--name", "lab/yours")["new_bytes"] == 0


def test_at_the_same_time(two):
    """Both push the same name and others at once: nothing is lost, and both agree in the end."""
    files = {}
    started = []
    for number, home in enumerate(two):
        for name in ("lab/same", f"lab/own{number}"):
            file = random_file(home.base / f"{name[4:]}.bin", 6 * MIB, 10 * number + len(name))
            files.setdefault(name, []).append(hashes(file))
            started.append(home.start("push", file, "--name", name, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
    for process in started:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err.decode()
    seen = [pull(home, "lab/same") for home in two]
    assert seen[0] == seen[1] and seen[0] in files["lab/same"]
    for home in two:
        assert set(home.models()) == {"lab/first", "lab/same", "lab/own0", "lab/own1"}
        for name in ("lab/own0", "lab/own1"):
            assert [pull(home, name)] == files[name]
        assert len(home.json("show", "lab/same")["revisions"]) == 2


def test_removing_and_pushing_anew(two):
    one, other = two
    push(one, "lab/net", 3 * MIB, 5)
    assert "lab/net" in other.models()
    other.ok("rm", "lab/net")
    assert "lab/net" not in one.models()
    files = push(one, "lab/net", 3 * MIB, 6)
    assert pull(other, "lab/net") == files


def test_a_store_added_by_one_is_found_by_the_other(two):
    one, other = two
    one.ok("store", "add", "s6", f"local:{one.shelf}/s6")
    other.models()
    assert "s6" in {store["name"] for store in other.json("store", "ls")["stores"]}


def test_many_records(site):
    """More than one checkpoint's worth of log; recovery reads few objects."""
    for number in range(70):
        site.push(random_file(site.base / "f.bin", 100, number), f"many/m{number}")
    assert site.objects("checkpoint")
    other, done = site.recover(site.base, "other")
    assert done.json["models"] == 70 and len(other.models()) == 70
    assert pull(other, "many/m3") == hashes(random_file(site.base / "f.bin", 100, 3))


def test_what_the_other_pushed_is_not_called_lost(two, serve):
    """This home has never heard where its shards are: they are looked for before anything is said of them."""
    one, other = two
    push(one, "lab/new", 3 * MIB, 7)
    assert other.models()["lab/new"]["health"] == "sound"
    third, _ = one.recover(one.base, "third")
    push(one, "lab/newest", 3 * MIB, 8)
    shown = third.json("show", "lab/newest")
    assert (shown["health"], shown["missing_shards"], shown["unknown_shards"]) == ("sound", 0, 0)
    server = serve(other)
    push(one, "lab/served", 3 * MIB, 9)
    server.stop()
    other.ok("ls")
    server = serve(other)
    models = {model["name"]: model for model in server.get("/api/v1/models")["models"]}
    assert models["lab/served"]["health"] == "sound"
    for packed in server.get(f"/api/v1/models/{models['lab/served']['id']}/fragments")["packs"]:
        assert {shard["state"] for shard in packed["shards"]} == {"present"}


def test_a_pull_of_what_the_other_pushed_does_not_make_it_degraded(two):
    one, other = two
    push(one, "lab/newer", 3 * MIB, 8)
    assert other.json("--cached", "ls")["models"][0]["name"] == "lab/first"
    pull(other, "lab/newer")
    assert other.models()["lab/newer"]["health"] == "sound"


def test_a_copied_home_does_not_call_lost_what_came_later(site):
    """An old copy of the registry: it knows nothing of what its original pushed since."""
    copy = site.base / "copy"
    site.push(random_file(site.base / "a.bin", 3 * MIB, 1), "lab/first")
    shutil.copytree(site.folder, copy)
    site.push(random_file(site.base / "b.bin", 3 * MIB, 2), "lab/later")
    site.environment["MODELFLOAT_HOME"] = str(copy)
    assert {model["health"] for model in site.models().values()} == {"sound"}


def test_a_store_is_taken_out_by_what_the_stores_list(two):
    """Not by what this home has heard: it may leave when the others have enough, and not when they only once had."""
    one, other = two
    push(one, "lab/new", 3 * MIB, 7)
    other.ok("store", "rm", "--force", "s0")
    for store in one.stores[1:3]:
        shutil.rmtree(store / "mf1/shard")
    refused = one.run("store", "rm", "--force", "s3", code=Exit.ERROR)
    assert "could not be read any more" in refused.err
    with one.gone(one.stores[1]):
        undecided = one.run("store", "rm", "--force", "s3", code=Exit.UNREACHABLE)
        assert "s1" in undecided.err and "cannot be told" in undecided.err


def test_a_copy_of_a_home_loses_nothing(site):
    """Both go on, each after the other's records could not be seen: nothing is lost, and the copy writes under another id."""
    pushed = {"lab/before": push(site, "lab/before", 3000, 20)}
    copy = Home(site.base, "copy")
    shutil.copytree(site.folder, copy.folder, dirs_exist_ok=True)
    pushed["lab/original"] = push(site, "lab/original", 3000, 21)
    pushed["lab/copied"] = push(copy, "lab/copied", 3000, 22)
    pushed["lab/again"] = push(site, "lab/again", 3000, 23)
    other, _ = site.recover(site.base, "third")
    for home in (site, copy, other):
        assert set(home.models()) == set(pushed)
        for name, files in pushed.items():
            assert pull(home, name) == files
    chains = {path.parent.name for path in site.shelf.glob("*/mf1/log/*/*")}
    assert len(chains) == 3, "the original, the copy, and the one that was recovered"
