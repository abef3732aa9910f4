"""Memory does not grow with the model."""
import pytest

from program import Site, form, hashes
from samples import LARGE, MIB, random_file, random_pieces

S_MIB = 16  # slice size of a file of 1 to 20 GB: docs/formats/mf1.md, section 12
LIMIT_KIB = (64 + 2 * (4 + 2) * S_MIB) * 1024


def test_push_and_pull_of_a_large_model(base):
    site = Site(base)
    file = random_file(base / "large.bin", LARGE, 2)
    pushed, push_peak = site.peak_kib("push", file, "--name", "lab/large")
    assert pushed["new_bytes"] == LARGE
    assert {shard.stat().st_size for shard in site.objects()} >= {S_MIB * MIB + 96}
    pulled, pull_peak = site.peak_kib("pull", "lab/large", "-o", base / "back.bin")
    assert pulled["bytes"] == LARGE
    assert hashes(base / "back.bin") == hashes(file)
    (base / "back.bin").unlink()
    with site.gone(*site.stores[:2]):
        _, rebuild_peak = site.peak_kib("pull", "lab/large", "-o", base / "back.bin")
    peaks = {"push": push_peak, "pull": pull_peak, "pull with two stores gone": rebuild_peak}
    print("peak memory in MiB:", {what: peak // 1024 for what, peak in peaks.items()}, "of", LIMIT_KIB // 1024)
    assert max(peaks.values()) <= LIMIT_KIB, peaks


@pytest.mark.parametrize("redundancy, shards", [("1+1", 2), ("2+1", 3)])
def test_verify_of_a_large_model(base, redundancy, shards):
    site = Site(base, redundancy)
    site.push(random_file(base / "large.bin", LARGE, 2), "lab/large")
    report, peak = site.peak_kib("verify", "--read")
    assert report["damaged"] == [] and report["bytes_read"] > LARGE
    print("peak memory of verify in MiB:", peak // 1024, "of", 64 + 2 * shards * S_MIB)
    assert peak <= (64 + 2 * shards * S_MIB) * 1024


def test_upload_of_a_large_model(base, serve):
    site = Site(base)
    server = serve(site)
    begin, end, kind = form([("name", "lab/large")], [("large.bin", None)])
    size = LARGE

    def body():
        yield begin
        yield from random_pieces(size, 2)
        yield end

    status, answer = server.ask("POST", "/api/v1/models/upload", body(), status=201,
                                headers={"Content-Type": kind, "Content-Length": str(len(begin) + size + len(end))})
    assert answer["bytes"] == size and answer["new_bytes"] == size
    peak = server.peak_kib()
    print("peak memory of the server in MiB:", peak // 1024)
    assert peak <= LIMIT_KIB
    server.get("/healthz")
    random_file(base / "large.bin", size, 2)
    [file] = server.get(f"/api/v1/models/{answer['id']}")["files"]
    assert file["sha256"] == hashes(base / "large.bin")[""]
    # Nothing of the body was laid down on the way.
    assert not [path for path in site.temporary.rglob("*") if path.is_file()]
