"""rclone on the PATH with a configuration of its own: a local remote, a crypt and a chunker over it, and a WebDAV server (`rclone serve webdav`), as
"web", and as "dav" behind a proxy that makes it fail (fault_proxy.py)."""
import os
import subprocess

from fault_proxy import FaultProxy
from process import Server, answers, free_port
from tools import tool

CONFIG = """[disk]
type = local

[secret]
type = crypt
remote = disk:{folder}/crypt
password = {password}

[pieces]
type = chunker
remote = disk:{folder}/chunker
chunk_size = 4M

[dav]
type = webdav
url = {dav}
vendor = other
user = somebody
pass = {password}
pacer_min_sleep = 1ms

[web]
type = webdav
url = http://127.0.0.1:{port}
vendor = other
user = somebody
pass = {password}
pacer_min_sleep = 1ms

[both]
type = union
upstreams = disk:{folder}/a disk:{folder}/b
"""


class Servers:
    def __init__(self, folder):
        self.parts = []
        rclone = tool("rclone")
        port = free_port()
        for name in ("disk", "crypt", "chunker", "dav"):
            (folder / name).mkdir()
        config = folder / "rclone.conf"
        environment = {"RCLONE_CONFIG": str(config), "PATH": f"{rclone.parent}:{os.environ['PATH']}"}
        try:
            self.parts.append(FaultProxy("rclone", port))
            proxy = self.parts[-1].environment
            obscured = subprocess.run([rclone, "obscure", "hush"], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
            config.write_text(CONFIG.format(folder=folder, password=obscured, port=port, dav=proxy["MODELFLOAT_TEST_RCLONE_PROXY"]))
            self.parts.append(Server("rclone serve", [rclone, "serve", "webdav", folder / "dav", "--addr", f"127.0.0.1:{port}",
                                                      "--user", "somebody", "--pass", "hush"], folder / "log", {}, lambda: answers(port)))
            self.environment = {**proxy, **environment, "MODELFLOAT_TEST_RCLONE": str(folder)}
        except BaseException:
            self.stop()
            raise

    def stop(self):
        for part in reversed(self.parts):
            part.stop()


def start(folder):
    return Servers(folder)
