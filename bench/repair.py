#!/usr/bin/env python3
"""Repair of a pool that has lost two stores of six for good, beside a pull of the same models.

    bench/repair.py [--gigabytes N] [--runs N] [--program build/release/bin/modelfloat] [--folder DIR]

The pool is 4+2 over six folders, with random files. Two folders are removed and two empty ones join: a third of all shards is made again from
four of each pack. Then the same models are pulled, when all is there and, before the repair, from the four folders that are left: a pull reads as much as
a repair, and writes the files; a repair writes half as much, and reads back what it wrote. Needs room for about 2.5 times the files.

Prints the seconds of each, how fast it read, and how often repair read each byte that it needed.
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import shutil
import statistics
import sys
import tempfile

from transfer import ROOT, ModelFloat

GB = 10**9


class Pool(ModelFloat):
    """Six folders of which two are lost, and replaced."""

    def __init__(self, work, program):
        super().__init__(work, program, 6, "4+2")
        self.work = work

    def lose_two(self):
        for store in self.stores[:2]:
            shutil.rmtree(store)

    def replace_two(self):
        for index in (6, 7):
            self.call("store", "add", f"s{index}", f"local:{self.work / f'store{index}'}")

    def repair(self):
        sample = self.call("--json", "repair")
        return {**sample, **json.loads(sample["out"])}


def sums(folder):
    found = {}
    for path in sorted(folder.iterdir()):
        with open(path, "rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def write_files(folder, gigabytes):
    folder.mkdir()
    files = max(2, round(gigabytes))  # a model of one file is pulled as a file
    for index in range(files):
        part = random.Random(index)
        with open(folder / f"{index}.bin", "wb") as file:
            for _ in range(round(gigabytes / files * 1000)):
                file.write(part.randbytes(10**6))


def pull(pool, pushed, target):
    sample = pool.get(target)
    if sums(target) != pushed:
        sys.exit("what was pulled is not what was pushed")
    shutil.rmtree(target)
    return sample


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=20, help="of files; half as much is lost")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--program", default=ROOT / "build/release/bin/modelfloat")
    parser.add_argument("--folder", default=None, help="where to work")
    arguments = parser.parse_args()

    samples = {"pull without two": [], "repair": [], "pull after it": []}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        scratch = pathlib.Path(scratch)
        for run in range(arguments.runs):
            work = scratch / "work"
            work.mkdir()
            write_files(work / "files", arguments.gigabytes)
            pushed = sums(work / "files")
            pool = Pool(work, arguments.program)
            pool.put(work / "files")
            shutil.rmtree(work / "files")
            pool.lose_two()
            samples["pull without two"].append(pull(pool, pushed, work / "back"))
            pool.replace_two()
            samples["repair"].append(pool.repair())
            samples["pull after it"].append(pull(pool, pushed, work / "back"))
            shutil.rmtree(work)
    size = arguments.gigabytes * GB
    repaired = samples["repair"][0]
    needed = repaired["packs_repaired"] * 4 * repaired["bytes_written"] / repaired["shards_written"]
    print(f"{arguments.gigabytes} GB of files, {repaired['bytes_written'] / GB:.2f} GB of shards lost, {arguments.runs} runs, medians; CPU s per GB of files\n")
    print("| what | s | read GB/s | CPU | peak MB |")
    print("|---|---|---|---|---|")
    for name, row in samples.items():
        seconds = statistics.median(sample["wall"] for sample in row)
        cpu = statistics.median(sample["cpu"] for sample in row)
        peak = max(sample["rss"] for sample in row)
        print(f"| {name} | {seconds:.1f} | {size / seconds / GB:.2f} | {cpu / size * GB:.2f} | {peak / 1e6:.0f} |")
    print(f"\nrepair read {repaired['bytes_read'] / needed:.3f} times what it needs, and wrote {repaired['bytes_written'] / GB:.2f} GB")


if __name__ == "__main__":
    main()
