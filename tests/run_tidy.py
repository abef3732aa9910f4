"""Runs clang-tidy over the sources of a compile database. A file that was clean is not looked at again until it, one of the
headers of this project that it includes, its command, the configuration or clang-tidy changes. ./test --tidy calls it.
"""
import argparse
import concurrent.futures
import functools
import hashlib
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TIDY = "clang-tidy-19"
INCLUDE = re.compile(rb'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


@functools.lru_cache(maxsize=None)
def content(path):
    return path.read_bytes()


@functools.lru_cache(maxsize=None)
def included(path):
    """The files of this project that `path` includes itself."""
    found = []
    for name in INCLUDE.findall(content(path)):
        for folder in (path.parent, ROOT / "src", ROOT / "tests"):
            file = (folder / name.decode()).resolve()
            if file.is_file():
                found.append(file)
                break
    return found


def reach(path):
    seen, todo = {path}, [path]
    while todo:
        for file in included(todo.pop()):
            if file not in seen:
                seen.add(file)
                todo.append(file)
    return sorted(seen)


def key_of(entry, base):
    # The place of the checkout does not count, so that another one is spared what this one has checked.
    digest = hashlib.sha256(base + entry.get("command", "").replace(str(ROOT), "").encode())
    for file in reach(Path(entry["file"]).resolve()):
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + hashlib.sha256(content(file)).digest())
    return digest.hexdigest()


def check(entry, build):
    """What clang-tidy complains about, or None."""
    done = subprocess.run([TIDY, "--quiet", "-p", build, entry["file"]], cwd=ROOT, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    return None if done.returncode == 0 else done.stdout.strip() + ("" if done.stdout.strip() else done.stderr.strip())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--cache", required=True)
    parser.add_argument("--results", required=True)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    arguments = parser.parse_args()
    until = time.monotonic() + arguments.seconds
    cache = Path(arguments.cache)
    cache.mkdir(parents=True, exist_ok=True)
    base = (ROOT / ".clang-tidy").read_bytes() + subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    entries = [entry for entry in json.loads((Path(arguments.build) / "compile_commands.json").read_text())
               if Path(entry["file"]).suffix == ".cpp" and Path(entry["file"]).is_relative_to(ROOT)
               and not Path(entry["file"]).is_relative_to(ROOT / "build")]
    entries = list({entry["file"]: entry for entry in entries}.values())
    folders = ["src", "fuzz", "tests"]  # where time is short, what ships comes first
    entries.sort(key=lambda entry: folders.index(Path(entry["file"]).relative_to(ROOT).parts[0]))

    def visit(entry):
        clean = cache / key_of(entry, base)
        if clean.exists():
            os.utime(clean)
            return entry, "known", None
        if time.monotonic() > until:
            return entry, "late", None
        complaint = check(entry, arguments.build)
        if complaint is None:
            clean.touch()
        return entry, "checked", complaint

    root = xml.Element("testsuites")
    suite = xml.SubElement(root, "testsuite", name="clang-tidy")
    counts = {"known": 0, "checked": 0, "late": 0}
    complaints = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as workers:
        for entry, how, complaint in workers.map(visit, entries):
            counts[how] += 1
            case = xml.SubElement(suite, "testcase", classname="clang-tidy", name=str(Path(entry["file"]).relative_to(ROOT)))
            if how == "late":
                xml.SubElement(case, "skipped", message="no time was left")
            if complaint is not None:
                complaints += 1
                xml.SubElement(case, "failure", message="clang-tidy complains")
                print(complaint, flush=True)
    xml.ElementTree(root).write(Path(arguments.results) / "clang-tidy.xml")
    for old in sorted(cache.iterdir(), key=lambda file: file.stat().st_mtime)[:-5000]:
        old.unlink()
    print(f"  {counts['checked']} files checked, {complaints} with complaints, {counts['known']} unchanged since they were clean"
          + (f", {counts['late']} left for want of time" if counts["late"] else ""))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
