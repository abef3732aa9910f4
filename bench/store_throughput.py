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
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/servers"))
import mega  # noqa: E402
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

    def __init__(self, url, credentials, work, sizes, program, *addresses):
        self.url, self.sizes, self.program, self.addresses = url, sizes, program, addresses  # the provider's, where they are not in the URL
        self.credentials = work / "credentials.json"
        self.credentials.write_text(json.dumps(credentials))

    def run(self, what, place):
        count, size, threads = self.sizes
        return float(checked([self.program, what, f"{self.url}/{place}", self.credentials, count, size, threads, *self.addresses]))

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


class CurlIpfs(Curl):
    """Adds and pins, then gives names as deep in folders as ours; looks at nothing before or after. Reads by CID."""

    def put(self, place):
        answers = {file: self.config.parent / f"{place}-{file.name}.json" for file in self.files}
        added = self.transfer(lambda file: [f'form = "file=@{file}"', f'url = "{self.url}/api/v0/add?cid-version=1&raw-leaves=true&chunker=size-1048576&progress=false"',
                                            f'output = "{answers[file]}"'])
        self.cids = {file: json.loads(answer.read_text().splitlines()[-1])["Hash"] for file, answer in answers.items()}
        return added + self.transfer(lambda file: ['request = "POST"', 'output = "/dev/null"',
                                                   f'url = "{self.url}/api/v0/files/cp?parents=true&arg=/ipfs/{self.cids[file]}&arg=/{place}/mf1/shard/{self.cids[file][-2:]}/{file.name}"'])

    def get(self, place):
        with tempfile.TemporaryDirectory(dir=self.config.parent) as target:
            return self.transfer(lambda file: ['request = "POST"', f'url = "{self.url}/api/v0/cat?arg={self.cids[file]}"', f'output = "{target}/{file.name}"'])


class CurlDrive(Curl):
    """By resumable uploads in one piece, answered with checksums as ours are, and by id. It looks for no other file of the name."""

    def __init__(self, url, token, work, sizes, files):
        super().__init__(url, [f'header = "Authorization: Bearer {token}"'], work, sizes, files)

    def put(self, place):
        heads, answers = ({file: self.config.parent / f"{place}-{file.name}.{kind}" for file in self.files} for kind in ("head", "json"))
        begun = self.transfer(lambda file: [f'url = "{self.url}/upload/drive/v3/files?uploadType=resumable&fields=id,md5Checksum,sha256Checksum"', 'header = "Content-Type: application/json"',
                                            f'data = "{{\\"name\\": \\"{place}-{file.name}\\"}}"', f'dump-header = "{heads[file]}"', 'output = "/dev/null"'])
        sessions = {file: re.search(r"(?im)^location: (\S+)", head.read_text())[1] for file, head in heads.items()}
        sent = self.transfer(lambda file: [f'upload-file = "{file}"', f'url = "{sessions[file]}"', f'output = "{answers[file]}"'])
        self.ids = {file: json.loads(answer.read_text())["id"] for file, answer in answers.items()}
        return begun + sent

    def get(self, place):
        with tempfile.TemporaryDirectory(dir=self.config.parent) as target:
            return self.transfer(lambda file: [f'url = "{self.url}/drive/v3/files/{self.ids[file]}?alt=media"', f'output = "{target}/{file.name}"'])


class Rclone:
    name = "rclone"

    def __init__(self, remote, environment, work, sizes, folder):
        self.remote, self.work, self.sizes, self.folder = remote, work, sizes, folder
        self.program = tool("rclone")
        self.environment = dict(os.environ, RCLONE_CONFIG=str(work / "rclone.conf"), NO_PROXY="127.0.0.1", **environment)

    def copy(self, source, target):
        return timed([self.program, "copy", "--transfers", self.sizes[2], "--checkers", self.sizes[2], "--no-check-dest", "--no-traverse", "--retries", "1", source, target], env=self.environment)

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


def rclone_webdav(environment):
    """The variables that make a remote "bench" of Apache's WebDAV."""
    obscured = checked([tool("rclone"), "obscure", "-"], input=environment["MODELFLOAT_TEST_WEBDAV_PASSWORD"]).strip()
    remote = {"TYPE": "webdav", "URL": environment["MODELFLOAT_TEST_WEBDAV"] + "/basic", "VENDOR": "other", "USER": environment["MODELFLOAT_TEST_WEBDAV_USER"], "PASS": obscured}
    return {f"RCLONE_CONFIG_BENCH_{name}": value for name, value in remote.items()}


class Webdav:
    server = "webdav"

    def tools(self, environment, work, sizes, files, folder, program):
        url, user, password = environment["MODELFLOAT_TEST_WEBDAV"] + "/basic", environment["MODELFLOAT_TEST_WEBDAV_USER"], environment["MODELFLOAT_TEST_WEBDAV_PASSWORD"]
        quoted = f"{user}:{password}".replace('"', '\\"')
        yield Ours(f"webdav:{url}", {"user": user, "password": password}, work, sizes, program)
        yield CurlDav(url, [f'user = "{quoted}"'], work, sizes, files)
        yield Rclone("bench:", rclone_webdav(environment), work, sizes, folder)


class Ipfs:
    server = "ipfs"

    def tools(self, environment, work, sizes, files, folder, program):
        url = environment["MODELFLOAT_TEST_IPFS"]
        yield Ours(f"ipfs:{url}", {}, work, sizes, program)
        yield CurlIpfs(url, [], work, sizes, files)


class RcloneDisk:
    """A local remote, where rclone itself only copies files."""
    server = "rclone"

    def tools(self, environment, work, sizes, files, folder, program):
        os.environ.update({name: environment[name] for name in ("PATH", "RCLONE_CONFIG")})
        disk = environment["MODELFLOAT_TEST_RCLONE"] + "/disk"
        yield Ours(f"rclone:disk:{disk}/ours", {}, work, sizes, program)
        yield Rclone(f"bench:{disk}/theirs", {"RCLONE_CONFIG_BENCH_TYPE": "local"}, work, sizes, folder)


class RcloneCrypt:
    server = "rclone"

    def tools(self, environment, work, sizes, files, folder, program):
        os.environ.update({name: environment[name] for name in ("PATH", "RCLONE_CONFIG")})
        yield Ours("rclone:secret:ours", {}, work, sizes, program)
        rclone = Rclone("secret:theirs", {}, work, sizes, folder)
        rclone.environment["RCLONE_CONFIG"] = environment["RCLONE_CONFIG"]
        yield rclone


class RcloneWebdav:
    """A remote on a server, which is what rclone is for."""
    server = "webdav"

    def tools(self, environment, work, sizes, files, folder, program):
        os.environ.update(rclone_webdav(environment), PATH=f"{tool('rclone').parent}:{os.environ['PATH']}", RCLONE_CONFIG=str(work / "rclone.conf"))
        yield Ours("rclone:bench:ours", {}, work, sizes, program)
        yield Rclone("bench:theirs", {}, work, sizes, folder)


class Drive:
    """rclone can be told no other address, so a proxy that speaks TLS stands before the emulator for it alone, which makes it slow: curl is what counts."""
    server = "drive"

    def tools(self, environment, work, sizes, files, folder, program):
        root = environment["MODELFLOAT_TEST_DRIVE"]
        credentials = json.loads(pathlib.Path(environment["MODELFLOAT_TEST_DRIVE_CREDENTIALS"]).read_text())
        yield Ours("drive:bench", credentials, work, sizes, program, root, root + "/token")
        form = urllib.parse.urlencode({**credentials, "grant_type": "refresh_token"}).encode()
        with urllib.request.urlopen(root + "/token", form) as answer:
            token = json.load(answer)["access_token"]
        yield CurlDrive(root, token, work, sizes, files)
        rclone = Rclone("drive:theirs", {}, work, sizes, folder)
        rclone.program = environment["MODELFLOAT_TEST_DRIVE_RCLONE"]
        yield rclone


class Mega:
    """Curl alone cannot speak MEGA's protocol: everything is encrypted by the client."""
    server = "mega"

    def tools(self, environment, work, sizes, files, folder, program):
        root, account = environment["MODELFLOAT_TEST_MEGA"], mega.ACCOUNTS[0]["email"]
        yield Ours("mega:", {"email": account, "password": mega.PASSWORD}, work, sizes, program, root)
        obscured = checked([tool("rclone"), "obscure", "-"], input=mega.PASSWORD).strip()
        yield Rclone("bench:", {"X_MEGA_API_URL": root, "RCLONE_CONFIG_BENCH_TYPE": "mega", "RCLONE_CONFIG_BENCH_USER": account, "RCLONE_CONFIG_BENCH_PASS": obscured}, work, sizes, folder)


PROVIDERS = {"s3": S3, "webdav": Webdav, "ipfs": Ipfs, "rclone": RcloneDisk, "rclone-crypt": RcloneCrypt, "rclone-webdav": RcloneWebdav, "drive": Drive, "mega": Mega}


def measure(provider, arguments, program, home):
    size, total = arguments.mib << 20, (arguments.objects * arguments.mib << 20) / 1e6
    seconds = {}
    with tempfile.TemporaryDirectory(dir=home) as work, servers([provider.server], home) as environment:
        work = pathlib.Path(work)
        folder = work / "files"
        folder.mkdir()
        files = [folder / f"object{number}" for number in range(arguments.objects)]
        tools = list(provider.tools(environment, work, (arguments.objects, size, arguments.threads), files, folder, program))
        for run in range(arguments.runs):
            for one in tools[run % len(tools):] + tools[:run % len(tools)]:
                for file in files:  # new ones: a server that knows blocks by their content would have them from the last round
                    file.write_bytes(os.urandom(size))
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
