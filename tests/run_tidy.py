"""Runs clang-tidy over the sources of a compile database. It takes those together that CMake compiles together (build/tidy), since nearly all
of its time goes into the headers of others. What was clean is not looked at again until one of these sources, a header of this project that they
include, their command, the configuration or clang-tidy changes. ./test --tidy calls it.
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
# Tests change their environment before they have threads, and need not be quick.
NOT_IN_TESTS = "-concurrency-mt-unsafe,-performance-inefficient-string-concatenation"
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


def sources_of(entry):
    """The sources of this project that are compiled by it."""
    file = Path(entry["file"])
    if file.suffix == ".cxx":  # CMake's own: it includes them
        return [source for source in included(file) if source.suffix == ".cpp"]
    return [file] if file.suffix == ".cpp" else []


def is_ours(path):
    return path.is_relative_to(ROOT) and not path.is_relative_to(ROOT / "build")


def options_for(entry):
    return ["--checks=" + NOT_IN_TESTS] if sources_of(entry)[0].is_relative_to(ROOT / "tests") else []


def key_of(entry, base):
    # The place of the checkout does not count, so that another one is spared what this one has checked.
    digest = hashlib.sha256(base + "".join(options_for(entry)).encode() + entry.get("command", "").replace(str(ROOT), "").encode())
    for file in sorted({file for source in sources_of(entry) for file in reach(source)}):
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + hashlib.sha256(content(file)).digest())
    return digest.hexdigest()


def check(entry, build):
    """What clang-tidy complains about, or None."""
    done = subprocess.run([TIDY, "--quiet", *options_for(entry), "-p", build, entry["file"]], cwd=ROOT, stdin=subprocess.DEVNULL,
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
               if sources_of(entry) and all(map(is_ours, sources_of(entry)))]
    entries = list({entry["file"]: entry for entry in entries}.values())
    folders = ["src", "fuzz", "tests"]  # where time is short, what ships comes first
    entries.sort(key=lambda entry: folders.index(sources_of(entry)[0].relative_to(ROOT).parts[0]))

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
            names = [str(source.relative_to(ROOT)) for source in sources_of(entry)]
            counts[how] += len(names)
            if complaint is not None:
                print(complaint, flush=True)
            blamed = [name for name in names if complaint is not None and name in complaint] or names
            for name in names:
                case = xml.SubElement(suite, "testcase", classname="clang-tidy", name=name)
                if how == "late":
                    xml.SubElement(case, "skipped", message="no time was left")
                if complaint is not None and name in blamed:
                    complaints += 1
                    xml.SubElement(case, "failure", message="clang-tidy complains")
    xml.ElementTree(root).write(Path(arguments.results) / "clang-tidy.xml")
    for old in sorted(cache.iterdir(), key=lambda file: file.stat().st_mtime)[:-5000]:
        old.unlink()
    print(f"  {counts['checked']} files checked, {complaints} with complaints, {counts['known']} unchanged since they were clean"
          + (f", {counts['late']} left for want of time" if counts["late"] else ""))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
