"""SeaweedFS as an S3 server, before it the proxy that fails as it is told, and with MODELFLOAT_NIGHTLY versitygw as a second judge."""
import hashlib
import json
import os
import subprocess
import time
from pathlib import Path

from fault_proxy import FaultProxy
from process import Server, Servers, answers, free_port
from tools import tool

ACCESS_KEY, SECRET_KEY, BUCKET = "modelfloat-test", "only-a-test/of+signatures=", "models"


def signed_curl(url, *options):
    """A client that we did not write: curl's own signature."""
    return subprocess.run(["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--aws-sigv4", "aws:amz:us-east-1:s3",
                           "--user", f"{ACCESS_KEY}:{SECRET_KEY}", *options, url], capture_output=True)


def make_bucket(server, url):
    end = time.monotonic() + 60  # the port is open before everything behind it is
    nothing = f"x-amz-content-sha256: {hashlib.sha256().hexdigest()}"  # versitygw insists on it, and curl 7 doesn't send it
    while (made := signed_curl(f"{url}/{BUCKET}", "--request", "PUT", "--header", nothing)).returncode != 0:
        if server.process.poll() is not None or time.monotonic() > end:
            server.stop()
            raise RuntimeError("no bucket can be made: " + made.stderr.decode() + server.log.read_text(errors="replace")[-3000:])
        time.sleep(0.2)


def start_seaweedfs(folder, environment):
    ports = {name: free_port() for name in ("master", "volume", "filer", "s3", "master.grpc", "volume.grpc", "filer.grpc", "s3.grpc")}
    (folder / "data").mkdir()
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [{"name": "test", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
                                                  "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}))
    command = [tool("weed"), "-logtostderr=true", "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false",
               "-master.volumeSizeLimitMB=512", "-volume.max=200", "-filer", f"-filer.localSocket={folder / 'filer.sock'}",
               "-s3", f"-s3.config={config}", "-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.localSocket={folder / 's3.sock'}"]
    for name, port in ports.items():
        who, _, grpc = name.partition(".")
        command.append(f"-{who}.port{'.' + grpc if grpc else ''}={port}")
    server = Server("seaweedfs", command, folder / "seaweedfs.log", environment, lambda: answers(ports["s3"]), cwd=folder)
    server.leftovers = [Path(f"/tmp/seaweedfs-{name.partition('.')[0]}-grpc-{port}.sock") for name, port in ports.items()]
    make_bucket(server, f"http://127.0.0.1:{ports['s3']}")
    return server, ports["s3"]


def start_versitygw(folder):
    port = free_port()
    for name in ("versitygw-objects", "versitygw-sidecar"):  # neither may begin with the other's whole name
        (folder / name).mkdir()
    environment = dict(os.environ, ROOT_ACCESS_KEY=ACCESS_KEY, ROOT_SECRET_KEY=SECRET_KEY)
    server = Server("versitygw", [tool("go", "versitygw"), "--port", f"127.0.0.1:{port}", "posix", "--sidecar", folder / "versitygw-sidecar", folder / "versitygw-objects"],
                    folder / "versitygw.log", {"MODELFLOAT_TEST_S3_SECOND": f"http://127.0.0.1:{port}"}, lambda: answers(port), env=environment)
    make_bucket(server, f"http://127.0.0.1:{port}")
    return server


def start(folder):
    environment = {"MODELFLOAT_TEST_S3_ACCESS_KEY": ACCESS_KEY, "MODELFLOAT_TEST_S3_SECRET_KEY": SECRET_KEY, "MODELFLOAT_TEST_S3_BUCKET": BUCKET}
    server, port = start_seaweedfs(folder, environment)
    server.environment["MODELFLOAT_TEST_S3"] = f"http://127.0.0.1:{port}"
    environment["MODELFLOAT_TEST_RCLONE"] = str(tool("rclone"))
    parts = [server]
    try:
        if os.environ.get("MODELFLOAT_NIGHTLY"):
            parts.append(start_versitygw(folder))
        return Servers(*parts, FaultProxy("s3", port))
    except BaseException:
        Servers(*parts).stop()
        raise
