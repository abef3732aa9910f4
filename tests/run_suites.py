"""Runs the suites of a build, each under a time limit, and adds up what came out. ./test calls it.

run_suites.py run --results DIR --build DIR [--without-servers | --only SUITE [ARGUMENT ...]]
run_suites.py programs --build DIR [--without-servers]      the programs that `run` needs of this build, for cmake --build
run_suites.py sum --results DIR

A suite is a GoogleTest program (tests/FOLDER/*.cpp; tests/providers with a server beside it), a replay of a fuzz corpus (fuzz/NAME.cpp) or a file
of pytest's. Each leaves NAME.xml and NAME.log in the results; what leaves no readable XML counts as one failed test. What a
build is for follows from its name: build/asan has all suites of programs, build/tsan those that have threads, build/release also those of pytest's,
build/planted one alone: whether bugs are caught (tests/planted_bugs.py).

As many suites that compute run at once as there are processors. Suites that mostly wait for servers have places of their own
beside them. The longest start first. Each suite has a temporary folder of its own, in memory where there is plenty of it:
then a test waits for no disk.
"""
import argparse
import concurrent.futures
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml
from pathlib import Path

from roomy_folder import roomy_folder

ROOT = Path(__file__).resolve().parents[1]
UNIT_SECONDS = 600  # on a busy machine
SANITIZED_SECONDS = 1800
PYTHON_SECONDS = 1500
PYTHON_FOLDERS = ("model", "rescue", "system")
# Nothing for the thread sanitizer: pure layers, tests that run everything on one thread, and those that cut one piece of work everywhere.
WITHOUT_THREADS = {"cli", "codec", "crypto", "domain", "erasure", "formats", "fragment", "mf1", "placement"}
NOTHING_FOR_THREADS = ["*/OneThread", "Simulation.*", "Storm.*", "PlantedBugs.*", "*/Seeds.*", "*/Seconds.*", "Cut/*", "Resume.EachSingleFailure*", "Recover.CutOffAtAnyCall*",
                       # The library counts the owners of an exception where the sanitizer does not look.
                       "UploadTest.WhoWaitsForAPackThatCannotBeSealedIsTold"]
# Suites of tests whose machines all run on one thread (Threads::one): the same, but ./test --nightly runs them.
ON_ONE_THREAD = [f"{name}.*" for name in (
    "ChangingFile", "DamageMemory", "DeadParts", "Log", "LogIntegrity", "ModelNames", "ProofOnOneThread", "PullToPath", "Recover", "Resume", "SameHome",
    "SlotsOnStores", "StaleLog", "StoresOfOtherMachines", "TakingAStoreOut", "UnlistedCopies", "UnlistedShards")]
SANITIZED_PROPERTY_RUNS = 25  # instead of RapidCheck's 100: there each run costs three to ten times as much
SHARDS = {"engine": 4}  # under a sanitizer, so that no processor waits for the longest
SANITIZED_STORM_SEEDS = 20
# ./test --nightly runs so many seeds of the storm, in so many suites.
STORM_SEEDS, STORM_SUITES = 20_000, 8
NIGHTLY_SECONDS = 7200
SANITIZED_CUT_STEP = 4  # loops that cut a piece of work off at each of its calls take every fourth there (tests/support/size.h)
# About how long the long ones take alone, in seconds, for the order in which they start.
SECONDS = {"engine": 120, "store": 30, "model": 30, "rescue-written_by_modelfloat": 30, "rescue-both_readers": 110,
           "provider-drive": 170, "provider-ipfs": 150, "provider-rclone": 130, "provider-mega": 80, "provider-webdav": 80, "provider-s3": 60,
           "system-push_over_faults": 180, "system-pull_over_faults": 95, "system-round_trip": 95, "system-quickstart": 75, "system-all_kinds": 60,
           "system-kill": 55, "system-memory": 55, "system-recover": 45, "system-rest": 35, "system-rest_own_server": 35, "system-store_settings": 35, "system-run": 30}
# How the names begin of suites that mostly wait. Three of them beside two that compute keep two processors busy.
WAITING = ("provider-", "system-push_over_faults", "system-pull_over_faults", "system-all_kinds", "system-store_settings")
WAITING_AT_ONCE = 3
ON_DISK = {"store"}  # folders whose suites use a real disk: a store that is a folder is tested there
GIGABYTES = 4  # that the temporary files of a suite need at most
SETUP_WORD = "MODELFLOAT_TEST_"  # in the reason of a test that was skipped because ./test should have set something up


class Suite:
    """`label` is how the name begins in builds other than the optimised one."""

    def __init__(self, label, name, command, limit, own_xml=True):
        self.name, self.command, self.limit, self.own_xml = label + name, command, limit, own_xml
        self.folder = name.partition("-")[0]
        self.waits = name.startswith(WAITING)
        self.seconds = SECONDS.get(name, SECONDS.get(self.folder, 0))


def folders_of(build):
    folders = {source.parent.name for source in (ROOT / "tests").glob("*/*_test.cpp")} - {"providers"}
    return sorted(folders - WITHOUT_THREADS if build.name == "tsan" else folders)


def replays_of(build):
    sources = [] if build.name == "tsan" else (ROOT / "fuzz").glob("*.cpp")
    return sorted(source.stem for source in sources if source.stem != "replay_main")


def nothing_for_threads():
    return NOTHING_FOR_THREADS + ([] if "MODELFLOAT_NIGHTLY" in os.environ else ON_ONE_THREAD)


def storm_suites(build, results):
    """The seeds of a night. By day the engine's suite has a few."""
    if "MODELFLOAT_NIGHTLY" not in os.environ or build.name != "release":
        return
    each = STORM_SEEDS // STORM_SUITES
    for part in range(STORM_SUITES):
        name = f"storm-{part + 1}"
        command = ["env", f"MODELFLOAT_TEST_FIRST_SEED={part * each + 1}", f"MODELFLOAT_TEST_SEEDS={each}", build / "tests/test_engine",
                   "--gtest_filter=Storm.WhatIsCommittedComesBack", f"--gtest_output=xml:{results / name}.xml"]
        yield Suite("", name, command, NIGHTLY_SECONDS)


def planted_suites(build, label, results):
    command = [build / "tests/test_engine", "--gtest_filter=PlantedBugs.*", f"--gtest_output=xml:{results / (label + 'bugs')}.xml"]
    return [Suite(label, "bugs", command, NIGHTLY_SECONDS)]


def limit_of(build):
    return SANITIZED_SECONDS if build.name in ("asan", "tsan") else UNIT_SECONDS


def unit_suites(build, label, results, without_llama):
    limit = limit_of(build)
    left_out = (["RealLlamaTest.*"] if without_llama else []) + (nothing_for_threads() if build.name == "tsan" else [])
    for folder in folders_of(build):
        shards = SHARDS.get(folder, 1) if label else 1
        for shard in range(shards):
            name = folder + (f"-{shard + 1}" if shards > 1 else "")
            command = ["env", f"GTEST_TOTAL_SHARDS={shards}", f"GTEST_SHARD_INDEX={shard}", build / "tests" / f"test_{folder}",
                       f"--gtest_output=xml:{results / (label + name)}.xml"]
            if left_out:
                command.append("--gtest_filter=-" + ":".join(left_out))
            yield Suite(label, name, command, limit)
    for name in replays_of(build):
        yield Suite(label, f"replay_{name}", [build / "fuzz" / f"replay_{name}", ROOT / "fuzz/corpus" / name], limit, False)


def provider_suites(build, label, results):
    """tests/providers/NAME_store_test.cpp against the server that tests/servers/NAME.py starts. Its tests are named after it: NAME*. What is named after
    none of them needs no server."""
    filters = {}
    for source in sorted((ROOT / "tests/providers").glob("*_store_test.cpp")):
        name = source.name.removesuffix("_store_test.cpp")
        filters[name] = "".join(word.capitalize() for word in name.split("_")) + "*"
    for name, tests in {**filters, "none": "-" + ":".join(filters.values())}.items():
        server = [] if name == "none" else [sys.executable, ROOT / "tests/servers/run.py", name, "--"]
        yield Suite(label, f"provider-{name}", [*server, build / "tests/test_providers", f"--gtest_filter={tests}",
                                                f"--gtest_output=xml:{results / f'{label}provider-{name}.xml'}"], limit_of(build))


def pytest_suite(name, path, results):
    command = [sys.executable, "-m", "pytest", "-v", "-rs", "-p", "no:cacheprovider", "--durations=15", "--tb=short"]
    return Suite("", name, [*command, f"--junit-xml={results / name}.xml", path], PYTHON_SECONDS)


def python_folders(results):
    return [pytest_suite(folder, ROOT / "tests" / folder, results) for folder in PYTHON_FOLDERS]


def python_files(results):
    """The same, file by file, so that several run at once."""
    for folder in PYTHON_FOLDERS:
        for file in sorted((ROOT / "tests" / folder).glob("test_*.py")):
            yield pytest_suite(f"{folder}-{file.stem.removeprefix('test_')}", file, results)


def run(suite, results, environment):
    """Runs one suite and returns whether it passed."""
    with temporary_folder(suite) as folder:
        return run_in(suite, results, dict(environment, TMPDIR=folder))


@contextlib.contextmanager
def temporary_folder(suite):
    """A folder for what a suite writes meanwhile, which is gone with it."""
    base = tempfile.gettempdir() if suite.folder in ON_DISK else roomy_folder(GIGABYTES)
    folder = tempfile.mkdtemp(prefix="modelfloat-suite-", dir=base)
    os.chmod(folder, 0o711)  # Apache runs as another user
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_in(suite, results, environment):
    begin = time.monotonic()
    log = results / f"{suite.name}.log"
    trouble, processor_seconds = None, 0
    with open(log, "wb") as output:
        try:
            child = subprocess.Popen([str(part) for part in suite.command], stdout=output, stderr=subprocess.STDOUT,
                                     stdin=subprocess.DEVNULL, env=environment, cwd=ROOT, start_new_session=True)
        except OSError as error:
            trouble = f"cannot be started: {error}"
        else:
            try:
                processor_seconds = wait(child, suite.limit)
                if child.returncode != 0:
                    trouble = f"ended with {child.returncode}"
            except subprocess.TimeoutExpired:
                trouble = f"still ran after {suite.limit} s and was ended"
            finally:
                end_group(child)
    if not suite.own_xml or not readable(results / f"{suite.name}.xml"):
        write_one_case(results / f"{suite.name}.xml", suite.name, trouble)
    elif trouble and not has_failure(results / f"{suite.name}.xml"):
        write_one_case(results / f"{suite.name}.end.xml", suite.name, trouble)
    seconds = time.monotonic() - begin
    print(f"  {'FAILED' if trouble else 'ok    '} {suite.name:28} {seconds:6.1f} s, {processor_seconds:6.1f} s of a processor{'  ' + trouble if trouble else ''}",
          flush=True)
    if trouble:
        show(log)
    return trouble is None


def wait(child, seconds):
    """Waits for the end of a child that may take so long, and returns what it and those that it waited for took of a processor."""
    end = time.monotonic() + seconds
    while True:
        number, status, usage = os.wait4(child.pid, os.WNOHANG)
        if number != 0:
            child.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_utime + usage.ru_stime
        if time.monotonic() > end:
            raise subprocess.TimeoutExpired(child.args, seconds)
        time.sleep(0.05)


def end_group(child):
    """What a suite started does not outlive it. One that still runs may end its servers first: they are no part of its group."""
    for number, seconds in ((signal.SIGTERM, 20), (signal.SIGKILL, None)):
        try:
            os.killpg(child.pid, number)
            child.wait(seconds)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    child.wait()


def show(log):
    lines = log.read_text(errors="replace").splitlines()
    kept = 400
    print(f"--- {os.path.relpath(log, ROOT)}" + (f", its last {kept} lines" if len(lines) > kept else ""))
    print("\n".join(lines[-kept:]))
    print("---", flush=True)


def readable(path):
    try:
        xml.parse(path)
        return True
    except (OSError, xml.ParseError):
        return False


def has_failure(path):
    return any(case.find("failure") is not None or case.find("error") is not None for case in xml.parse(path).iter("testcase"))


def write_one_case(path, name, trouble):
    case = xml.Element("testcase", classname=name, name=name)
    if trouble:
        xml.SubElement(case, "failure", message=trouble)
    root = xml.Element("testsuites")
    xml.SubElement(root, "testsuite", name=name).append(case)
    xml.ElementTree(root).write(path)


def command_run(arguments):
    results = Path(arguments.results).resolve()
    build = Path(arguments.build).resolve()
    label = "" if build.name == "release" else build.name + "-"
    environment = dict(os.environ, MODELFLOAT_TEST_PROGRAM=str(build / "bin/modelfloat"), MODELFLOAT_TEST_RESOLVER=str(build / "tests/resolve_histories"))
    environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    if build.name in ("asan", "tsan"):
        environment.setdefault("RC_PARAMS", f"max_success={SANITIZED_PROPERTY_RUNS}")
        environment.setdefault("MODELFLOAT_TEST_SEEDS", str(SANITIZED_STORM_SEEDS))
        if "MODELFLOAT_NIGHTLY" not in environment:
            environment.setdefault("MODELFLOAT_TEST_CUT_STEP", str(SANITIZED_CUT_STEP))
    if arguments.only:
        name, *more = arguments.only
        found = [s for s in [*unit_suites(build, label, results, False), *provider_suites(build, label, results), *python_folders(results), *python_files(results)] if s.name == name]
        if not found:
            sys.exit(f"there is no suite {name}")
        suites = found
        for suite in suites:
            suite.command += more
    elif build.name == "planted":
        suites = planted_suites(build, label, results)
    else:
        suites = list(unit_suites(build, label, results, arguments.without_servers)) + list(storm_suites(build, results))
        if not arguments.without_servers:
            suites += provider_suites(build, label, results)
            if not label:
                suites += python_files(results)
    return 0 if run_all(suites, results, environment) else 1


def run_all(suites, results, environment):
    """Whether all passed."""
    suites = sorted(suites, key=lambda suite: -suite.seconds)
    pool = concurrent.futures.ThreadPoolExecutor
    with pool(os.cpu_count() or 1) as computing, pool(WAITING_AT_ONCE) as waiting:
        runs = [(waiting if suite.waits else computing).submit(run, suite, results, environment) for suite in suites]
    return all(one.result() for one in runs)


def command_programs(arguments):
    build = Path(arguments.build)
    if build.name == "planted":
        print("test_engine")
        return 0
    folders = folders_of(build) + ([] if arguments.without_servers else ["providers"])
    print(*(f"test_{folder}" for folder in folders), *(f"replay_{name}" for name in replays_of(build)))
    return 0


def cases(results):
    """(suite, test, failure or None, reason for skipping or None) of every test that ran."""
    for path in sorted(results.glob("*.xml")):
        suite = path.name.removesuffix(".xml").removesuffix(".end")
        for case in xml.parse(path).iter("testcase"):
            if case.get("status") == "notrun" and case.find("skipped") is None:
                continue  # left out by a filter
            failure = next((found for kind in ("failure", "error") if (found := case.find(kind)) is not None), None)
            skipped = case.find("skipped")
            name = f"{case.get('classname')}.{case.get('name')}"
            yield suite, name, failure, None if skipped is None else " ".join((skipped.get("message") or "").split())


def command_sum(arguments):
    passed = failed = skipped = 0
    in_ci = os.environ.get("CI") == "true"
    for suite, name, failure, reason in cases(Path(arguments.results)):
        if failure is not None:
            failed += 1
            print(f"FAILED {suite}: {name}")
        elif reason is not None and in_ci and SETUP_WORD in reason:
            failed += 1
            print(f"FAILED {suite}: {name}: skipped though this is CI: {reason}")
        elif reason is not None:
            skipped += 1
            print(f"skipped {suite}: {name}: {reason}")
        else:
            passed += 1
    if passed + failed == 0:
        failed = 1
        print("FAILED: no test ran")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    run_parser = commands.add_parser("run")
    run_parser.add_argument("--results", required=True)
    run_parser.add_argument("--build", required=True)
    what = run_parser.add_mutually_exclusive_group()
    what.add_argument("--without-servers", action="store_true")
    what.add_argument("--only", nargs=argparse.REMAINDER)
    programs_parser = commands.add_parser("programs")
    programs_parser.add_argument("--build", required=True)
    programs_parser.add_argument("--without-servers", action="store_true")
    sum_parser = commands.add_parser("sum")
    sum_parser.add_argument("--results", required=True)
    arguments = parser.parse_args()
    return {"run": command_run, "programs": command_programs, "sum": command_sum}[arguments.command](arguments)


if __name__ == "__main__":
    sys.exit(main())
