"""Two nodes of js-ipfs, which we did not write, with their RPC and gateway; a proxy that makes the first one fail; and a pinning service of our own."""
import json
import os
import subprocess
from pathlib import Path

from fault_proxy import FaultProxy
from pinning_service import PinningService
from process import Server, answers, free_port
from tools import tool

HERE = Path(__file__).parent


class Node(Server):
    """An offline node with an empty repository: it knows no other node, so a block that it lacks is looked for in vain."""

    def __init__(self, folder):
        command = [tool("node"), "--import", HERE / "js_ipfs_survives.mjs", tool("npm", "ipfs") / "node_modules/ipfs/src/cli.js"]
        environment = dict(os.environ, IPFS_PATH=str(folder / "repo"))
        subprocess.run([*command, "init", "-p", "test", "-e"], env=environment, stdout=subprocess.DEVNULL, check=True)
        api, gateway, grpc = (free_port() for _ in range(3))
        path = folder / "repo/config"
        config = json.loads(path.read_text())
        config["Addresses"] = {"Swarm": [], "Delegates": [], "API": f"/ip4/127.0.0.1/tcp/{api}", "Gateway": f"/ip4/127.0.0.1/tcp/{gateway}",
                               "RPC": f"/ip4/127.0.0.1/tcp/{grpc}"}
        config["Pubsub"] = {"Enabled": False}
        path.write_text(json.dumps(config))
        super().__init__("ipfs", [*command, "daemon", "--offline", "--enable-preload=false"], folder / "log", {}, lambda: answers(api) and answers(gateway),
                         env=environment)
        self.api, self.gateway = api, gateway


class Servers:
    def __init__(self, folder):
        self.parts = []
        try:
            nodes = []
            for name in ("first", "second"):
                (folder / name).mkdir()
                nodes.append(Node(folder / name))
                self.parts.append(nodes[-1])
            self.parts.append(FaultProxy("ipfs", nodes[0].api))
            self.parts.append(PinningService())
            self.environment = {
                **self.parts[-2].environment,
                **self.parts[-1].environment,
                "MODELFLOAT_TEST_IPFS": f"http://127.0.0.1:{nodes[0].api}",
                "MODELFLOAT_TEST_IPFS_SECOND": f"http://127.0.0.1:{nodes[1].api}",
                "MODELFLOAT_TEST_IPFS_SECOND_GATEWAY": f"http://127.0.0.1:{nodes[1].gateway}",
                "MODELFLOAT_TEST_NODE": str(tool("node")),
                "MODELFLOAT_TEST_KUBO_RPC_CLIENT": str(tool("npm", "kubo-rpc-client") / "node_modules/kubo-rpc-client/dist/src/index.js"),
            }
        except BaseException:
            self.stop()
            raise

    def stop(self):
        for part in reversed(self.parts):
            part.stop()


def start(folder):
    return Servers(folder)
