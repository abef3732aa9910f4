#!/usr/bin/env python3
"""From `modelfloat run` to the first token, beside a plain llama-server on a local file, in one run.

    bench/first_token.py [--runs N] [--program build/release/bin/modelfloat]

Six local stores at 4+2, SmolLM2 in the page cache, eight tokens. The two take turns. modelfloat's figure is what it reports itself, from the
start of its work; to be fair to llama-server the whole process is also timed from outside. llama-server is timed from its start to the first
streamed token over HTTP, with what modelfloat starts it with, too: a context of 4096 tokens and one slot.
"""

import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROMPT = "The capital of France is"


def setup(name, *arguments):
    command = [ROOT / "tools/setup" / name, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def plain(server, model):
    port = free_port()
    begin = time.monotonic()
    child = subprocess.Popen([server, "-m", model, "--host", "127.0.0.1", "--port", str(port), "-c", "4096", "-np", "1"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).read()
                break
            except OSError:
                time.sleep(0.005)
        body = json.dumps({"prompt": PROMPT, "n_predict": 8, "temperature": 0, "stream": True}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/completion", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.readline()
            return time.monotonic() - begin
    finally:
        child.kill()
        child.wait()


def floated(program, environment):
    begin = time.monotonic()
    done = subprocess.run([program, "--quiet", "--json", "run", "bench/smollm2", PROMPT, "-n", "8", "--temperature", "0"], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    whole = time.monotonic() - begin
    answer = json.loads(done.stdout)
    assert "Paris" in answer["text"], answer
    return answer["seconds_to_first_token"], whole


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--program", default=ROOT / "build/release/bin/modelfloat")
    arguments = parser.parse_args()
    server, model = setup("llama-server"), setup("model", "smollm2")
    with tempfile.TemporaryDirectory() as work:
        environment = {**os.environ, "MODELFLOAT_HOME": f"{work}/home", "MODELFLOAT_LLAMA_SERVER": server}

        def call(*command):
            subprocess.run([arguments.program, "--quiet", *command], check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        call("init", "--survive", "2")
        for index in range(6):
            call("store", "add", f"s{index}", f"local:{work}/store{index}")
        call("push", model, "--name", "bench/smollm2")
        plain_seconds, first, whole = [], [], []
        for _ in range(arguments.runs):
            plain_seconds.append(plain(server, model))
            to_first, total = floated(arguments.program, environment)
            first.append(to_first)
            whole.append(total)
    for name, samples in (("llama-server -m file, first token", plain_seconds), ("modelfloat run, first token", first),
                          ("modelfloat run, whole process with 8 tokens", whole)):
        print(f"{name}: median {statistics.median(samples):.2f} s ({min(samples):.2f} to {max(samples):.2f})")


if __name__ == "__main__":
    main()
