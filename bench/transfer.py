#!/usr/bin/env python3
"""Push and pull of real model files beside cp and restic, in one run.

    bench/transfer.py [--runs N] [--program build/release/bin/modelfloat] [--folder DIR]

Each tool stores the same files into folders on the same file system and brings them back; what came back is compared. Files are in the page
cache, stores are new for each run, nothing is synced by the script itself (modelfloat and restic sync what they write, cp does not). The rounds go
through all tools in turn, so that a machine that is slow for a while is slow for all. Prints the medians as a table.
"""

import argparse
import filecmp
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent


def model(name):
    return pathlib.Path(subprocess.run([ROOT / "tools/setup/model", name], check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


def timed(command, **options):
    """Runs a command; wall seconds, CPU seconds, peak resident bytes of the process itself."""
    begin = time.monotonic()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    out, err = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - begin
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{command}: {err}")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "rss": usage.ru_maxrss * 1024, "out": out}


def folder_bytes(folder):
    return sum(path.stat().st_size for path in pathlib.Path(folder).rglob("*") if path.is_file())


class Cp:
    name = "cp"

    def __init__(self, work):
        self.store = work / "cp-store"

    def put(self, corpus):
        return timed(["cp", "-r", corpus, self.store])

    def get(self, target):
        return timed(["cp", "-r", self.store, target])

    def stored(self):
        return folder_bytes(self.store)

    def result(self, target):
        return target


class Restic:
    name = "restic"

    def __init__(self, work):
        self.store = work / "restic-store"
        self.environment = {**os.environ, "RESTIC_PASSWORD": "bench", "RESTIC_CACHE_DIR": str(work / "restic-cache")}
        timed(["restic", "-r", self.store, "init"], env=self.environment)

    def put(self, corpus):
        self.corpus = corpus
        return timed(["restic", "-r", self.store, "backup", "-q", corpus], env=self.environment)

    def get(self, target):
        return timed(["restic", "-r", self.store, "restore", "-q", "latest", "--target", target], env=self.environment)

    def stored(self):
        return folder_bytes(self.store)

    def result(self, target):
        return target / str(self.corpus).lstrip("/")


class ModelFloat:
    def __init__(self, work, program, stores, redundancy):
        self.program = program
        self.name = f"modelfloat {redundancy}, {stores} folder{'s' if stores > 1 else ''}"
        self.environment = {**os.environ, "MODELFLOAT_HOME": str(work / "home")}
        self.stores = [work / f"store{index}" for index in range(stores)]
        self.call("init", "--redundancy", redundancy)
        for index, store in enumerate(self.stores):
            self.call("store", "add", f"s{index}", f"local:{store}")

    def call(self, *arguments):
        return timed([self.program, "--quiet", *arguments], env=self.environment)

    def put(self, corpus):
        return self.call("push", corpus, "--name", "bench/corpus")

    def get(self, target):
        return self.call("pull", "bench/corpus", "-o", target)

    def lose_two(self):
        for store in self.stores[:2]:
            store.rename(store.with_suffix(".gone"))

    def stored(self):
        return sum(folder_bytes(store) for store in self.stores)

    def result(self, target):
        return target


def same(a, b):
    names = sorted(str(path.relative_to(a)) for path in a.rglob("*") if path.is_file())
    matches, mismatches, errors = filecmp.cmpfiles(a, b, names, shallow=False)
    return len(matches) == len(names)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--program", default=ROOT / "build/release/bin/modelfloat")
    parser.add_argument("--folder", default=None, help="where to work (needs about 8 times the corpus)")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        scratch = pathlib.Path(scratch)
        corpus = scratch / "corpus"
        corpus.mkdir()
        for name in ("smollm2", "minilm", "whisper"):
            source = model(name)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, corpus / (name if source.is_dir() else source.name))
        total = folder_bytes(corpus)
        tools = [
            ("cp", lambda work: Cp(work)),
            ("restic", lambda work: Restic(work)),
            ("mf1", lambda work: ModelFloat(work, arguments.program, 1, "1+0")),
            ("mf6", lambda work: ModelFloat(work, arguments.program, 6, "4+2")),
        ]
        rows = {}
        for run in range(arguments.runs):
            for key, make in tools:
                work = scratch / "work"
                work.mkdir()
                tool = make(work)
                row = rows.setdefault(tool.name, {"put": [], "get": [], "lost": [], "stored": 0})
                row["put"].append(tool.put(corpus))
                row["stored"] = tool.stored()
                row["get"].append(tool.get(work / "back"))
                if not same(corpus, tool.result(work / "back")):
                    sys.exit(f"{tool.name} brought back something else")
                if key == "mf6":
                    tool.lose_two()
                    row["lost"].append(tool.get(work / "back2"))
                    if not same(corpus, work / "back2"):
                        sys.exit(f"{tool.name} brought back something else with two stores lost")
                shutil.rmtree(work)
        print(f"{total:,} bytes, {arguments.runs} runs, medians; CPU s per GB; peak memory of the process\n")
        print("| tool | put GB/s | CPU | peak MB | get GB/s | CPU | peak MB | get with 2 lost GB/s | stored |")
        print("|---|---|---|---|---|---|---|---|---|")

        def median(samples, figure):
            return statistics.median(sample[figure] for sample in samples)

        for name, row in rows.items():
            def cells(samples):
                return f"{total / median(samples, 'wall') / 1e9:.2f} | {median(samples, 'cpu') / total * 1e9:.1f} | {median(samples, 'rss') / 1e6:.0f}"
            lost = f"{total / median(row['lost'], 'wall') / 1e9:.2f}" if row["lost"] else ""
            print(f"| {name} | {cells(row['put'])} | {cells(row['get'])} | {lost} | {row['stored'] / total:.3f}x |")


if __name__ == "__main__":
    main()
