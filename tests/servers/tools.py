"""What tests/servers and tests need installed: tools/setup/test-tool fetches it once and says where it is."""
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def tool(*what):
    """The path of a pinned tool: tool("rclone"), tool("node"), tool("npm", NAME), tool("python", NAME)."""
    return Path(subprocess.run([ROOT / "tools/setup/test-tool", *what], stdout=subprocess.PIPE, check=True, text=True).stdout.strip())


def node_environment(name):
    """The environment in which node finds the modules that tools/setup/npm/NAME pins."""
    return dict(os.environ, NODE_PATH=str(tool("npm", name) / "node_modules"))
