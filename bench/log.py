#!/usr/bin/env python3
"""What a long log costs: seconds of CPU and memory.

    bench/log.py [--build build/release] [--records 20000]

First the library alone, on 100,000 records: decoding and the state of the pool. Then the whole program on a pool whose log has
--records records of ten writers, three folders, as rescue's test writer makes it: with every record there, and as it looks after
checkpoints, when the writers have deleted what these cover. `recover` reads everything; `ls` finds nothing new. Needs the Python
packages of the tests (PYTHON of ./test, or `pip install -r tests/requirements.txt`).
"""

import argparse
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/rescue"))
import writer as rescue_writer  # noqa: E402

WRITERS, STORES, MODELS, TAGS, CHECKPOINT_EVERY = 10, 3, 100, 20, 64


def make_pool(base, records, with_checkpoints):
    rng = random.Random(1)
    folders = [base / f"s{i}" for i in range(STORES)]
    for folder in folders:
        folder.mkdir(parents=True)
    pool = rescue_writer.Pool(folders, rng)
    code = rng.randbytes(32)
    (base / "code").write_text(rescue_writer.recovery_code_text(code))
    (base / "code").chmod(0o600)
    writers = [rescue_writer.Writer(pool, bytes([i + 1]) * 16) for i in range(WRITERS)]
    stores = [{"kind": "store_added", "store": bytes([i]) * 16, "name": f"s{i}", "url": f"local:{folder}", "domain": f"d{i}", "capacity": 0, "state": 0}
              for i, folder in enumerate(folders)]
    writers[0].record(pool.slot(1, code), {"kind": "policy", "k": 1, "m": 1, "survive": 1}, *stores)
    models = [pool.push(f"lab/m{i}", {"a": rng.randbytes(100)}, k=0) for i in range(MODELS)]
    for number in range(records):
        one = writers[number % WRITERS]
        if number % 7 == 0:
            one.read(writers[number * 3 % WRITERS])
        one.record(rescue_writer.committed(models[number % MODELS], f"t{number % TAGS}"))
        if with_checkpoints and number // WRITERS % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1:
            one.checkpoint()
    if with_checkpoints:
        for one in writers:
            one.delete_own()
    return [f"local:{folder}" for folder in folders]


def run(program, home, *arguments):
    """Seconds of CPU, seconds, and the peak in MiB of this one process."""
    begin = time.monotonic()
    child = subprocess.Popen([program, *arguments], env=dict(os.environ, MODELFLOAT_HOME=str(home)), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{arguments[0]} ended with {child.returncode}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - begin, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    program = arguments.build / "bin/modelfloat"
    subprocess.run(["cmake", "-S", ROOT, "-B", arguments.build, "-DMODELFLOAT_BENCH=ON"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", arguments.build, "--parallel", str(os.cpu_count()), "--target", "bench_log_state"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([arguments.build / "bench/bench_log_state", "100000"], check=True)
    print("\n| log | command | CPU s | s | peak MiB |\n|---|---|---|---|---|")
    for with_checkpoints in (False, True):
        with tempfile.TemporaryDirectory() as scratch:
            base = pathlib.Path(scratch)
            urls = make_pool(base, arguments.records, with_checkpoints)
            stores = [part for url in urls for part in ("--store", url)]
            form = "with checkpoints" if with_checkpoints else "every record there"
            row = run(program, base / "home", "-q", "recover", "--recovery-code-file", str(base / "code"), *stores)
            print(f"| {arguments.records:,} records, {form} | recover | {row[0]:.2f} | {row[1]:.2f} | {row[2]:.0f} |")
            run(program, base / "home", "-q", "ls")
            rows = [run(program, base / "home", "-q", "ls") for _ in range(arguments.runs)]
            row = [statistics.median(column) for column in zip(*rows)]
            print(f"| | ls, nothing new | {row[0]:.3f} | {row[1]:.3f} | {row[2]:.0f} |")


if __name__ == "__main__":
    main()
