#!/usr/bin/env python3
"""How fast each kind of store is beside plain clients (curl, rclone) on the same server on this machine.

    bench/store_throughput.py [--only PROVIDER] [--runs N] [--objects N] [--mib N] [--threads N] [--build DIR]

Objects of 16 MiB, 8 transfers at once. The server is started as the tests do (tests/servers); all of its data lies in memory (TMPDIR, or /dev/shm). The tools
take their turns in every round, each writing to a place of its own. What is read, ours holds in memory, curl and rclone write to files in memory. Ours are the
seconds of the calls, the others' of the whole process. Prints medians, and ours as a ratio to each.

A provider is added by a class below: how to name the store, and its plain clients.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/servers"))
from run import servers  # noqa: E402
from tools import tool  # noqa: E402


def checked(command, **options):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{command[0]}: {done.stderr[-2000:] or done.stdout[-2000:]}")
    return done.stdout


def timed(command, **options):
    begin = time.monotonic()
    checked(command, **options)
    return time.monotonic() - begin


class Ours:
    name = "modelfloat"

    def __init__(self, url, credentials, work, sizes, program):
        self.url, self.sizes, self.program = url, sizes, program
        self.credentials = work / "credentials.json"
        self.credentials.write_text(json.dumps(credentials))

    def run(self, what, place):
        count, size, threads = self.sizes
        return float(checked([self.program, what, f"{self.url}/{place}", self.credentials, count, size, threads]))

    def put(self, place):
        return self.run("put", place)

    def get(self, place):
        return self.run("get", place)


class Curl:
    name = "curl"

    def __init__(self, url, options, work, sizes, files):
        self.url, self.options, self.config, self.sizes, self.files = url, options, work / "curl.conf", sizes, files

    def transfer(self, lines_of):
        lines = []
        for number, file in enumerate(self.files):
            lines += (["next"] if number else []) + ["fail", "silent", "show-error", 'noproxy = "*"', *self.options, *lines_of(file)]
        self.config.write_text("\n".join(lines) + "\n")
        return timed(["curl", "--parallel", "--parallel-max", self.sizes[2], "--config", self.config])

    def put(self, place):
        self.prepare(place)
        return self.transfer(lambda file: [f'upload-file = "{file}"', f'url = "{self.url}/{place}/{file.name}"', 'output = "/dev/null"'])

    def get(self, place):
        with tempfile.TemporaryDirectory(dir=self.config.parent) as target:
            return self.transfer(lambda file: [f'url = "{self.url}/{place}/{file.name}"', f'output = "{target}/{file.name}"'])

    def prepare(self, place):
        pass


class CurlDav(Curl):
    def prepare(self, place):
        checked(["curl", "--silent", "--show-error", "--noproxy", "*", "--config", "-", "--request", "MKCOL", f"{self.url}/{place}/"], input="\n".join(self.options))


class Rclone:
    name = "rclone"

    def __init__(self, remote, environment, work, sizes, folder):
        self.remote, self.work, self.sizes, self.folder = remote, work, sizes, folder
        self.environment = dict(os.environ, RCLONE_CONFIG=str(work / "rclone.conf"), NO_PROXY="127.0.0.1", **environment)

    def copy(self, source, target):
        return timed([tool("rclone"), "copy", "--transfers", self.sizes[2], "--checkers", self.sizes[2], "--no-check-dest", "--no-traverse", "--retries", "1", source, target], env=self.environment)

    def put(self, place):
        return self.copy(self.folder, f"{self.remote}/{place}")

    def get(self, place):
        with tempfile.TemporaryDirectory(dir=self.work) as target:
            return self.copy(f"{self.remote}/{place}", target)


class S3:
    server = "s3"

    def tools(self, environment, work, sizes, files, folder, program):
        url, bucket = environment["MODELFLOAT_TEST_S3"], environment["MODELFLOAT_TEST_S3_BUCKET"]
        access, secret = environment["MODELFLOAT_TEST_S3_ACCESS_KEY"], environment["MODELFLOAT_TEST_S3_SECRET_KEY"]
        yield Ours(f"s3:{url}/{bucket}", {"access_key": access, "secret_key": secret}, work, sizes, program)
        yield Curl(f"{url}/{bucket}", ['aws-sigv4 = "aws:amz:us-east-1:s3"', f'user = "{access}:{secret}"'], work, sizes, files)
        yield Rclone(f"bench:{bucket}", {"RCLONE_CONFIG_BENCH_TYPE": "s3", "RCLONE_CONFIG_BENCH_PROVIDER": "SeaweedFS", "RCLONE_CONFIG_BENCH_ENDPOINT": url,
                                         "RCLONE_CONFIG_BENCH_ACCESS_KEY_ID": access, "RCLONE_CONFIG_BENCH_SECRET_ACCESS_KEY": secret}, work, sizes, folder)


class Webdav:
    server = "webdav"

    def tools(self, environment, work, sizes, files, folder, program):
        url, user, password = environment["MODELFLOAT_TEST_WEBDAV"] + "/basic", environment["MODELFLOAT_TEST_WEBDAV_USER"], environment["MODELFLOAT_TEST_WEBDAV_PASSWORD"]
        quoted = f"{user}:{password}".replace('"', '\\"')
        obscured = checked([tool("rclone"), "obscure", "-"], input=password).strip()
        yield Ours(f"webdav:{url}", {"user": user, "password": password}, work, sizes, program)
        yield CurlDav(url, [f'user = "{quoted}"'], work, sizes, files)
        yield Rclone("bench:", {"RCLONE_CONFIG_BENCH_TYPE": "webdav", "RCLONE_CONFIG_BENCH_URL": url, "RCLONE_CONFIG_BENCH_VENDOR": "other", "RCLONE_CONFIG_BENCH_USER": user,
                                "RCLONE_CONFIG_BENCH_PASS": obscured}, work, sizes, folder)


PROVIDERS = {"s3": S3, "webdav": Webdav}


def measure(provider, arguments, program, home):
    size, total = arguments.mib << 20, (arguments.objects * arguments.mib << 20) / 1e6
    seconds = {}
    with tempfile.TemporaryDirectory(dir=home) as work, servers([provider.server], home) as environment:
        work = pathlib.Path(work)
        folder = work / "files"
        folder.mkdir()
        files = [folder / f"object{number}" for number in range(arguments.objects)]
        for file in files:
            file.write_bytes(os.urandom(size))
        tools = list(provider.tools(environment, work, (arguments.objects, size, arguments.threads), files, folder, program))
        for run in range(arguments.runs):
            for one in tools[run % len(tools):] + tools[:run % len(tools)]:
                for what in ("put", "get"):
                    seconds.setdefault((one.name, what), []).append(getattr(one, what)(f"{one.name}-{run}"))
    return {key: total / statistics.median(values) for key, values in seconds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PROVIDERS, action="append")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--objects", type=int, default=16)
    parser.add_argument("--mib", type=int, default=16)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    arguments = parser.parse_args()
    checked(["cmake", "-S", ROOT, "-B", arguments.build, "-DMODELFLOAT_BENCH=ON"] + ([] if (arguments.build / "CMakeCache.txt").exists() else ["--preset", "release"]))
    checked(["cmake", "--build", arguments.build, "--parallel", str(os.cpu_count()), "--target", "bench_store_calls"])
    home = os.environ.get("TMPDIR") or ("/dev/shm" if os.path.isdir("/dev/shm") else None)
    print(f"{arguments.objects} objects of {arguments.mib} MiB, {arguments.threads} at once, median of {arguments.runs}\n")
    print("| store | call | modelfloat MB/s | curl MB/s | rclone MB/s | to curl | to rclone |\n|---|---|---|---|---|---|---|")
    for name in arguments.only or PROVIDERS:
        rates = measure(PROVIDERS[name](), arguments, arguments.build / "bench/bench_store_calls", home)
        for what in ("put", "get"):
            ours, others = rates["modelfloat", what], [rates.get((other, what)) for other in ("curl", "rclone")]
            cells = [f"{ours:.0f}"] + [f"{rate:.0f}" if rate else "" for rate in others] + [f"{ours / rate:.2f}" if rate else "" for rate in others]
            print(f"| {name} | {what} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
