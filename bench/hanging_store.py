#!/usr/bin/env python3
"""What a store that hangs costs a pull: the healthy pull and pulls with one store of six hanging, in turn.

    bench/hanging_store.py [--only POOL] [--runs N] [--random-mib N] [--program build/release/bin/modelfloat] [--folder DIR]

Each pool is 4+2 over six stores. "folders": five are folders and the last is on a WebDAV server. "servers": all are, each behind a proxy of its own, so that the
one that hangs is as good as the others until then. The proxies are those of the tests (tests/servers), and are slow. Each pull is a new program that knows
nothing of how fast the stores are. It pulls the three real models, or random files. Needs what `./test` installs (apache2-bin).

Prints the median seconds of the whole command, how much longer that is than the healthy one, and how many shards the store that hangs was asked for.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import urllib.parse

from transfer import ROOT, folder_bytes, model, same, timed

sys.path.insert(0, str(ROOT / "tests/servers"))
from fault_proxy import FaultProxy  # noqa: E402
from run import servers  # noqa: E402

STORES = 6
HANGS = {
    "healthy": [],
    "never answers": [{"fault": "stall", "at": -1, "times": 0}],
    "shows its marker, then hangs": [{"target": "mf1/(?!marker)", "fault": "stall", "at": -1, "times": 0}],
    "hangs from the first shard on": [{"target": "mf1/shard", "fault": "stall", "at": -1, "times": 0}],
    "hangs inside the third shard": [{"target": "mf1/shard", "fault": "stall", "at": 1 << 20, "times": 0, "skip": 2}],
}


class Pool:
    """Its stores, and the proxy before the one that hangs."""

    def __init__(self, work, program, told, proxies):
        self.environment = {**os.environ, "MODELFLOAT_HOME": str(work / "home")}
        self.program, self.proxy = program, proxies[-1]
        credentials = work / "webdav.json"
        credentials.write_text(json.dumps({"user": told["MODELFLOAT_TEST_WEBDAV_USER"], "password": told["MODELFLOAT_TEST_WEBDAV_PASSWORD"]}))
        self.call("init", "--redundancy", "4+2")
        for index in range(STORES - len(proxies)):
            self.call("store", "add", f"folder{index}", f"local:{work / f'store{index}'}")
        for index, proxy in enumerate(proxies):
            url = f"webdav:http://127.0.0.1:{proxy.port}/basic/{work.name}/{index}"
            self.call("store", "add", f"server{index}", url, "--domain", f"server{index}", "--credentials-file", credentials)

    def call(self, *arguments):
        return timed([self.program, "--quiet", *arguments], env=self.environment)

    def pull(self, hang, target):
        """Its seconds, and the shards that were asked of the store which hangs."""
        self.proxy.clear()
        for rule in HANGS[hang]:
            self.proxy.add(rule)
        seconds = self.call("pull", "bench/model", "-o", target)["wall"]
        with self.proxy.lock:
            asked = sum(entry["method"] == "GET" and "mf1/shard/" in entry["target"] for entry in self.proxy.log)
        self.proxy.clear()
        return seconds, asked


def measure(pool, arguments, corpus, target):
    pool.call("push", corpus, "--name", "bench/model")
    pulls = {name: [] for name in HANGS}
    for run in range(arguments.runs):
        order = list(HANGS)
        for name in order[run % len(order):] + order[:run % len(order)]:
            pulls[name].append(pool.pull(name, target))
            if not same(corpus, target):
                sys.exit(f"{name}: what was pulled is not what was pushed")
            shutil.rmtree(target)
    return pulls


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["folders", "servers"], action="append")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--random-mib", type=int, default=0)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/bin/modelfloat")
    parser.add_argument("--folder", default=None, help="where to work (needs about 6 times the models)")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch, contextlib.ExitStack() as ends:
        scratch = pathlib.Path(scratch)
        corpus = scratch / "corpus"
        corpus.mkdir()
        if arguments.random_mib:
            for number in range(2):  # a model of several files is pulled into a folder
                with open(corpus / f"random{number}", "wb") as file:
                    for _ in range(arguments.random_mib // 2):
                        file.write(os.urandom(1 << 20))
        else:
            for name in ("smollm2", "minilm", "whisper"):
                source = model(name)
                (shutil.copytree if source.is_dir() else shutil.copy)(source, corpus / (name if source.is_dir() else source.name))
        told = ends.enter_context(servers(["webdav"], arguments.folder))
        port = urllib.parse.urlsplit(told["MODELFLOAT_TEST_WEBDAV"]).port
        print(f"{folder_bytes(corpus) / 1e6:.0f} MB, {arguments.runs} runs each\n\n| pool | the last store | seconds | beside healthy | shards asked of it |\n|---|---|---|---|---|")
        for kind in arguments.only or ["folders", "servers"]:
            proxies = [FaultProxy("bench", port) for _ in range(STORES if kind == "servers" else 1)]
            for proxy in proxies:
                ends.callback(proxy.stop)
            work = scratch / kind
            work.mkdir()
            pulls = measure(Pool(work, arguments.program, told, proxies), arguments, corpus, scratch / "pulled")
            median = {name: statistics.median(seconds for seconds, _ in taken) for name, taken in pulls.items()}
            for name, taken in pulls.items():
                seconds = [one for one, _ in taken]
                print(f"| {kind} | {name} | {median[name]:.2f} ({min(seconds):.2f} to {max(seconds):.2f}) | {(median[name] / median['healthy'] - 1) * 100:+.0f} % | "
                      f"{statistics.median(asked for _, asked in taken):.0f} |", flush=True)
            shutil.rmtree(work)


if __name__ == "__main__":
    main()
