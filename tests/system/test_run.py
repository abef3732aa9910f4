"""A real model answers a prompt, straight from the stores."""
import ctypes
import json
import platform
import struct
import subprocess

import pytest

from program import Exit, Site

PROMPT = "The capital of France is"


@pytest.fixture(scope="module")
def filled(module_site, smollm2, llama_server):
    module_site.push(smollm2, "lab/smollm2")
    return module_site


def test_answers(filled):
    done = filled.ok("run", "lab/smollm2", PROMPT, "-n", 8, "--temperature", 0)
    assert "Paris" in done.text
    assert "token" not in done.text  # the figures are on stderr
    assert "first token" in done.err
    assert filled.ok("run", "lab/smollm2", PROMPT, "-n", 8, "--temperature", 0).text == done.text


def test_stop_seed_and_top_p(filled):
    whole = filled.json("run", "lab/smollm2", PROMPT, "-n", 24, "--temperature", 0)["text"]
    stopped = filled.json("run", "lab/smollm2", "--stop", "no such", "--stop", "Paris", PROMPT, "-n", 24, "--temperature", 0)["text"]
    assert stopped == whole[:whole.index("Paris")]
    assert filled.json("run", "lab/smollm2", PROMPT, "-n", 24, "--temperature", 2, "--top-p", 0)["text"] == whole
    hot = [filled.json("run", "lab/smollm2", PROMPT, "-n", 24, "--temperature", 2, "--seed", 7)["text"] for _ in range(2)]
    assert hot[0] == hot[1] != whole
    for wrong in (("--seed", -1), ("--seed", 2**32 - 1), ("--seed", "x"), ("--top-p", 1.5), ("--top-p", "nan"), ("--temperature", "nan"),
                  ("--stop", "")):
        filled.run("run", "lab/smollm2", PROMPT, *wrong, code=Exit.USAGE)


def test_json(filled, smollm2):
    answer = filled.json("run", "lab/smollm2", PROMPT, "-n", 8, "--temperature", 0)
    assert answer.keys() >= {"text", "seconds_to_first_token", "tokens_per_second", "bytes_fetched"}
    assert "Paris" in answer["text"] and answer["seconds_to_first_token"] > 0 and answer["tokens_per_second"] > 0
    assert answer["bytes_fetched"] >= smollm2.stat().st_size * 0.5


def test_answers_with_two_stores_gone(filled):
    for pair in [filled.stores[:2], filled.stores[3:5]]:
        with filled.gone(*pair):
            assert "Paris" in filled.ok("run", "lab/smollm2", PROMPT, "-n", 8, "--temperature", 0).text


def test_with_too_few_stores(filled):
    with filled.gone(*filled.stores[:3]):
        done = filled.run("run", "lab/smollm2", PROMPT, "-n", 8, code=Exit.LOST)
        assert done.out == b""


def test_interrupt_ends_the_engine(filled):
    process = filled.start("run", "lab/smollm2", "Once upon a time", "-n", 2000, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.read(1)
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 130


def test_a_folder_with_one_gguf_runs(site, smollm2, llama_server):
    folder = site.base / "repo"
    folder.mkdir()
    (folder / "README.md").write_text("# a chat model")
    (folder / "model.gguf").write_bytes(smollm2.read_bytes())
    site.push(folder, "lab/repo")
    assert "Paris" in site.ok("run", "lab/repo", PROMPT, "-n", 8, "--temperature", 0).text


def test_no_engine(base, smollm2):
    site = Site(base, "1+0", stores=1)
    site.push(smollm2, "lab/smollm2")
    site.environment.update(MODELFLOAT_LLAMA_SERVER="/nowhere/llama-server")
    done = site.run("--json", "run", "lab/smollm2", PROMPT, "-n", 2, code=Exit.ERROR)
    assert "llama-server" in json.loads(done.out)["error"]["message"]


def on_an_older_kernel():
    """For a new process: no Landlock, and namespaces are forbidden."""
    clone, unshare, landlock, arguments = {"x86_64": 56, "aarch64": 220}[platform.machine()], {"x86_64": 272, "aarch64": 97}[platform.machine()], 444, 16
    load, if_equal, if_any, give, allow, error = 0x20, 0x15, 0x45, 0x06, 0x7FFF0000, 0x00050000
    steps = [(load, 0, 0, 0),
             (if_equal, 0, 1, landlock), (give, 0, 0, error | 38),
             (if_equal, 1, 0, clone), (if_equal, 0, 3, unshare),
             (load, 0, 0, arguments), (if_any, 0, 1, 0x7E020000), (give, 0, 0, error | 1),
             (give, 0, 0, allow)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    described = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(program))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.c_char_p(described), 0, 0) == 0


def run_on_an_older_kernel(site):
    child = site.start("run", "lab/smollm2", PROMPT, "-n", 8, "--temperature", 0, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       preexec_fn=on_an_older_kernel)
    out, err = child.communicate(timeout=120)
    return child.returncode, out.decode(), err.decode()


def test_no_sandbox_no_model(filled):
    code, out, err = run_on_an_older_kernel(filled)
    assert code == Exit.ERROR and out == "" and "weak_sandbox" in err and "Landlock" in err, err


def test_a_weak_sandbox_has_to_be_asked_for(filled):
    config = filled.folder / "config.toml"
    before = config.read_text() if config.exists() else None
    config.write_text((before or "") + "\n[runner]\nweak_sandbox = true\n")
    try:
        code, out, err = run_on_an_older_kernel(filled)
        assert code == 0 and "Paris" in out and "weak_sandbox" in err, err
    finally:
        config.write_text(before) if before is not None else config.unlink()
