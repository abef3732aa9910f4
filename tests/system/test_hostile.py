"""Files whose headers lie are kept as the bytes that they are, shown as such, and never handed to the engine."""
import struct

import pytest

from program import Exit, hashes
from samples import BODY, hostile_files, random_bytes, safetensors

MOST_KIB = (64 + 2 * (4 + 2) * 4) * 1024  # files below 1 GB: slices of 4 MiB


def push_all(site, files):
    for name, content in files.items():
        file = site.base / name
        file.write_bytes(content)
        site.push(file, f"bad/{name}")


def test_stored_shown_and_refused(site, serve, llama_server):
    files = hostile_files()
    push_all(site, files)
    server = serve(site)
    for name, content in files.items():
        assert site.pull(f"bad/{name}")[1] == hashes(site.base / name), name
        [file] = site.json("show", f"bad/{name}")["files"]
        assert file["size_bytes"] == len(content)
        assert file.get("trouble"), f"{name} passes for sound: {file}"
        run = site.run("run", f"bad/{name}", "Hello", "-n", 2)
        assert run.code == Exit.ERROR and run.out == b"" and f"bad/{name}" in run.err, run
        escaped = f"bad%2F{name}"
        status, answer = server.ask("POST", f"/api/v1/models/{escaped}/inference", {"prompt": "Hello", "max_tokens": 2}, scope="infer")
        assert status == 422 and answer["error"]["code"] == "not_runnable", (name, answer)
        shown = server.get(f"/api/v1/models/{escaped}")
        assert shown["files"][0]["trouble"]
    assert server.get("/healthz") == {"status": "ok"}
    assert server.process.poll() is None


def test_upload_of_hostile_files(site, serve):
    """The same by the network, where the sender is a stranger."""
    from program import form

    server = serve(site)
    for name, content in hostile_files().items():
        begin, end, kind = form([("name", f"bad/{name}")], [(name, content)])
        status, answer = server.ask("POST", "/models/upload", begin + end, scope="write", headers={"Content-Type": kind})
        assert status == 201, (name, answer)
        assert server.get(f"/models/{answer['id']}")["files"][0]["trouble"]
    server.get("/healthz")


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d7a2146" * 8 + b"\nsize 5368709120\n"


def test_what_is_no_model_is_told(site, serve):
    """A clone without its weights, and what a server sends instead of them, were pushed without a word."""
    folder = site.base / "clone"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_text('{"layers": 3}')
    (folder / "sub/model.safetensors").write_bytes(POINTER)
    (folder / "page.gguf").write_bytes(b"<!DOCTYPE html><html>Sign in</html>")
    (folder / "short.safetensors").write_bytes(b"x" * 130)
    done = site.ok("push", folder, "--name", "bad/clone")
    warnings = [line for line in done.err.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 3, done
    for name, words in (("sub/model.safetensors", "git lfs pull"), ("page.gguf", "web page"), ("short.safetensors", "download it again")):
        assert any(name in line and words in line for line in warnings), done
    assert "32 MiB" not in done.err
    pushed = site.push(folder, "bad/clone")
    assert {trouble["path"] for trouble in pushed["troubles"]} == {"sub/model.safetensors", "page.gguf", "short.safetensors"}
    assert site.pull("bad/clone")[1] == hashes(folder)

    from program import form

    begin, end, kind = form([("name", "bad/pointer")], [("model.gguf", POINTER)])
    status, answer = serve(site).ask("POST", "/models/upload", begin + end, scope="write", headers={"Content-Type": kind})
    assert status == 201 and [trouble["path"] for trouble in answer["troubles"]] == ["model.gguf"]
    assert "git lfs pull" in answer["troubles"][0]["trouble"]


@pytest.mark.parametrize("what", ["safetensors", "gguf"])
def test_a_header_of_100_mb(site, what):
    """Memory does not follow what a header claims, or has."""
    size = 100_000_000
    if what == "safetensors":
        content = struct.pack("<Q", size) + b'{"__metadata__":{"a":"' + b"x" * (size - 26) + b'"}} ' + BODY
    else:
        content = struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + struct.pack("<Q", 1) + b"k" + struct.pack("<IQ", 8, size) + b"x" * size
    file = site.base / f"big-header.{what}"
    file.write_bytes(content)
    _, peak = site.peak_kib("push", file, "--name", "bad/header")
    assert peak <= MOST_KIB, f"{peak // 1024} MiB"
    [shown] = site.json("show", "bad/header")["files"]
    assert shown.get("trouble"), shown
    assert site.pull("bad/header")[1] == hashes(file)


def test_many_tensors_in_little_space(site):
    """A header that claims millions of empty tensors."""
    header = {f"t{number}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for number in range(200_000)}
    file = site.base / "many.safetensors"
    file.write_bytes(safetensors(header, b""))
    _, peak = site.peak_kib("push", file, "--name", "bad/many")
    assert peak <= MOST_KIB * 2, f"{peak // 1024} MiB"
    assert site.pull("bad/many")[1] == hashes(file)


def test_what_cannot_run_says_why(site, minilm):
    site.push(minilm, "lab/minilm")
    run = site.run("run", "lab/minilm", "Hello", "-n", 2, code=Exit.ERROR)
    assert "GGUF" in run.err, run
    noise = site.base / "noise.gguf"
    noise.write_bytes(b"GGUF" + random_bytes(1_000_000, 1))
    site.push(noise, "lab/noise")
    site.run("run", "lab/noise", "Hello", "-n", 2, code=Exit.ERROR)
    site.run("run", "lab/not-there", "Hello", code=Exit.NOT_FOUND)


def test_names_that_would_leave_the_folder(site, serve):
    """A path inside a model never becomes a path outside of the folder it is pulled to."""
    from program import form

    server = serve(site)
    for path in ["../evil", "/etc/evil", "a/../../evil", "a//b", "", ".", "..", "a/", "nul\0byte", "a\\..\\b\n", "./a"]:
        begin, end, kind = form([("name", "lab/evil")], [(path, b"content")])
        status, answer = server.ask("POST", "/models/upload", begin + end, scope="write", headers={"Content-Type": kind})
        assert status == 400 and answer["error"]["code"], (path, status, answer)
    assert site.models() == {}
    server.get("/healthz")
