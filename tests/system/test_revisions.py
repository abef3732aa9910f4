"""What a model has in common with one that is there is not stored again."""
from program import hashes
from samples import MIB, Gguf, random_bytes, random_file


def test_the_same_again(site, smollm2):
    first = site.push(smollm2, "lab/smollm2")
    assert first["new_bytes"] == first["bytes"] == smollm2.stat().st_size
    assert first["stored_bytes"] > 0 and first["packs"] > 0 and first["fragments"] > 0
    shards = len(site.objects())
    again = site.push(smollm2, "lab/smollm2")
    assert again["new_bytes"] == 0 and again["packs"] == 0, again
    assert again["revision"] == first["revision"]
    other = site.push(smollm2, "lab/other-name:v1")
    assert other["new_bytes"] == 0, other
    assert len(site.objects()) == shards
    assert site.pull("lab/other-name:v1")[1] == hashes(smollm2)


def test_a_few_tensors_and_a_longer_header(site, smollm2):
    plain = Gguf(smollm2.read_bytes())
    site.push(smollm2, "lab/base")
    stored = {}
    for name, content in {"tensors": plain.with_changed_tensors(8), "header": plain.with_longer_header(b"a remark " * 150)}.items():
        file = site.base / f"{name}.gguf"
        file.write_bytes(content)
        stored[name] = site.push(file, f"lab/{name}")
        assert site.pull(f"lab/{name}")[1] == hashes(file)
        assert site.json("show", f"lab/{name}")["files"][0].get("trouble") is None
    assert 0 < stored["tensors"]["new_bytes"] <= 8 * MIB, stored
    assert 0 < stored["header"]["new_bytes"] <= MIB // 2, stored


def test_a_shifted_file_of_no_known_kind(site):
    content = random_bytes(40 * MIB, 1)
    (site.base / "a.bin").write_bytes(content)
    (site.base / "b.bin").write_bytes(content[:MIB] + b"inserted" + content[MIB:])
    site.push(site.base / "a.bin", "lab/a")
    pushed = site.push(site.base / "b.bin", "lab/b")
    assert pushed["new_bytes"] < 10 * MIB, pushed
    assert site.pull("lab/b")[1] == hashes(site.base / "b.bin")


def test_revisions_and_tags(site):
    versions = {}
    for seed, tag in enumerate(["v1", "v2"], 1):
        file = random_file(site.base / f"{tag}.bin", 2 * MIB, seed)
        (site.base / "net.bin").write_bytes(file.read_bytes())
        versions[tag] = (site.push(site.base / "net.bin", f"lab/net:{tag}")["revision"], hashes(file))
    for tag, (revision, expected) in versions.items():
        assert site.pull(f"lab/net:{tag}")[1] == expected
        assert site.pull(f"lab/net@{revision}")[1] == expected
    shown = site.json("show", "lab/net:v2")
    assert {revision["revision"] for revision in shown["revisions"]} == {revision for revision, _ in versions.values()}
    assert set(site.models()["lab/net"]["tags"]) == {"v1", "v2"}
    site.push(site.base / "v1.bin", "lab/net:v2")
    assert site.pull("lab/net:v2")[1] == versions["v1"][1]


def test_a_pack_that_a_store_lost_does_not_count(site):
    """A fragment is known only while its pack keeps the promise: else it is stored anew."""
    file = random_file(site.base / "a.bin", 8 * MIB, 1)
    site.push(file, "lab/a")
    lost = [shard for shard in site.objects() if shard.is_relative_to(site.stores[0])]
    for shard in lost:
        shard.unlink()
    pushed = site.push(file, "lab/b")
    assert pushed["new_bytes"] > 0, pushed
    with site.gone(*site.stores[1:3]):
        assert site.pull("lab/b")[1] == hashes(file)
