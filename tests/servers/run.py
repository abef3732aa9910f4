"""Runs a command with servers beside it: run.py NAME [NAME ...] -- COMMAND [ARGUMENT ...]

Each NAME is a module of this folder whose start(folder) gives an object with `environment` (what the command is told, as
MODELFLOAT_TEST_NAME...) and `stop()`. Everything that they write is gone at the end; their logs are shown when the command fails.
"""
import contextlib
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from process import end_in_order_when_told  # noqa: E402


@contextlib.contextmanager
def servers(names, folder=None):
    """The environment variables of all of them, while they run."""
    home = Path(tempfile.mkdtemp(prefix="modelfloat-servers-", dir=folder))
    running = []
    try:
        environment = {}
        for name in names:
            (home / name).mkdir()
            running.append(importlib.import_module(name).start(home / name))
            environment.update(running[-1].environment)
        yield environment
    finally:
        for server in reversed(running):
            server.stop()
        shutil.rmtree(home, ignore_errors=True)


def main():
    if "--" not in sys.argv:
        sys.exit(__doc__)
    end_in_order_when_told()
    split = sys.argv.index("--")
    with servers(sys.argv[1:split]) as environment:
        return subprocess.run(sys.argv[split + 1:], env={**os.environ, **environment}).returncode


if __name__ == "__main__":
    sys.exit(main())
