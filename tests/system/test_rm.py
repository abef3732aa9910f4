"""A model, a tag or a revision is taken out of the pool, and no more."""
from program import Exit, hashes
from samples import MIB, random_file


def test_a_model(site):
    for number in (1, 2):
        site.push(random_file(site.base / f"{number}.bin", 3 * MIB, number), f"lab/net{number}")
    (site.base / "both").mkdir()
    (site.base / "both/a").write_bytes((site.base / "1.bin").read_bytes())
    site.push(site.base / "both", "lab/shares")
    site.run("rm", "lab/nothing", code=Exit.NOT_FOUND)
    site.ok("rm", "lab/net1")
    assert set(site.models()) == {"lab/net2", "lab/shares"}
    site.run("pull", "lab/net1", "-o", site.base / "x", code=Exit.NOT_FOUND)
    assert site.pull("lab/net2")[1] == hashes(site.base / "2.bin")
    assert site.pull("lab/shares")[1] == hashes(site.base / "1.bin")  # its one file
    site.run("rm", "lab/net1", code=Exit.NOT_FOUND)
    home, _ = site.recover(site.base, "elsewhere")
    assert set(home.models()) == {"lab/net2", "lab/shares"}
    # It may come back, and what is still there is not stored again.
    assert site.push(site.base / "1.bin", "lab/net1")["new_bytes"] == 0
    assert site.pull("lab/net1")[1] == hashes(site.base / "1.bin")


def push(site, seed, name):
    """A file of this seed, always of the same name; its revision."""
    file = random_file(site.base / f"{seed}.bin", MIB // 4, seed)
    (site.base / "net.bin").write_bytes(file.read_bytes())
    return site.push(site.base / "net.bin", name)["revision"]


def test_a_tag(site):
    first = push(site, 1, "lab/net:v1")
    assert push(site, 1, "lab/net:stable") == first
    second = push(site, 2, "lab/net:v2")
    assert site.json("rm", "lab/net:v1") == {"removed": "lab/net:v1", "model": "lab/net", "tags": ["v1"], "revisions": []}
    site.run("pull", "lab/net:v1", "-o", site.base / "x", code=Exit.NOT_FOUND)
    assert site.pull("lab/net:stable")[1] == hashes(site.base / "1.bin")
    done = site.json("rm", "lab/net:stable")
    assert done == {"removed": "lab/net:stable", "model": "lab/net", "tags": ["stable"], "revisions": [first]}
    site.run("pull", f"lab/net@{first}", "-o", site.base / "x", code=Exit.NOT_FOUND)
    assert site.models()["lab/net"]["tags"] == ["v2"]
    assert site.pull(f"lab/net@{second}")[1] == hashes(site.base / "2.bin")
    said = site.ok("rm", "lab/net:v2")
    assert second[:12] in said.err and "lab/net:v2" in said.err, said
    assert site.models() == {}


def test_a_tag_does_not_fall_back(site):
    older = push(site, 1, "lab/net")
    push(site, 2, "lab/net")
    site.ok("rm", "lab/net:latest")
    refused = site.run("pull", "lab/net", "-o", site.base / "x", code=Exit.NOT_FOUND)
    assert older[:12] in refused.err, refused
    assert site.models()["lab/net"]["tags"] == []
    assert site.pull(f"lab/net@{older}")[1] == hashes(site.base / "1.bin")


def test_a_revision(site):
    older = push(site, 1, "lab/net:v1")
    newer = push(site, 2, "lab/net:v1")
    push(site, 2, "lab/net:v2")
    done = site.json("rm", f"lab/net@{newer[:8]}")
    assert done == {"removed": f"lab/net@{newer}", "model": "lab/net", "tags": ["v1", "v2"], "revisions": [newer]}
    shown = site.json("show", f"lab/net@{older}")
    assert [one["revision"] for one in shown["revisions"]] == [older] and shown["tags"] == []
    other, _ = site.recover(site.base, "elsewhere")
    assert other.models()["lab/net"]["tags"] == []
    said = site.ok("rm", f"lab/net@{older}")
    assert older in said.err, said
    assert site.models() == {} and other.models() == {}


def test_what_is_not_there(site):
    revision = push(site, 1, "lab/net:v1")
    assert "v1" in site.run("rm", "lab/net:v2", code=Exit.NOT_FOUND).err
    assert revision[:12] in site.run("rm", f"lab/net@{'0' * 40}", code=Exit.NOT_FOUND).err
    site.run("rm", "lab/nothing:v1", code=Exit.NOT_FOUND)
    site.run("rm", "lab/net@12345", code=Exit.USAGE)
    site.run("rm", "lab/net:", code=Exit.USAGE)
    assert site.models()["lab/net"]["tags"] == ["v1"]
