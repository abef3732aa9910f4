"""Each test gets a folder of its own, in memory where there is plenty, and it is gone when the test ends."""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from program import PROGRAM, ROOT, Server, Site

sys.path.insert(0, str(ROOT / "tests"))
from roomy_folder import roomy_folder  # noqa: E402

BASE = roomy_folder(12)  # tests write gigabytes


def pytest_report_header():
    return f"program: {PROGRAM}, folders in {BASE}"


def fresh_folder():
    if not PROGRAM.exists():
        pytest.exit(f"{PROGRAM} is not built: run ./test", returncode=3)
    return Path(tempfile.mkdtemp(prefix="modelfloat-test-", dir=BASE))


@pytest.fixture
def base():
    folder = fresh_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def module_base():
    folder = fresh_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def site(base):
    return Site(base)


@pytest.fixture(scope="module")
def module_site(module_base):
    """A pool for the tests of a file that only look at it."""
    return Site(module_base)


@pytest.fixture
def serve():
    """serve(home) starts a server; all end with the test, and must end well."""
    servers = []

    def start(home):
        servers.append(Server(home))
        return servers[-1]

    yield start
    for server in servers:
        assert server.stop() == 0, server.errors()


@pytest.fixture
def small_disk(base):
    """small_disk(name, bytes): a file system of that size; one that is there gets another size with "remount"."""
    places = []

    def mount(name, size, *options):
        place = base / name
        place.mkdir(exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join((f"size={size}", *options)), "tmpfs", place], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
        places.append(place)
        return place

    yield mount
    for place in set(places):
        subprocess.run(["umount", place], capture_output=True)


def real(variable, what):
    path = os.environ.get(variable)
    if not path:
        pytest.skip(f"{variable} names no {what}: run ./test, which fetches it")
    return Path(path)


@pytest.fixture(scope="session")
def smollm2():
    return real("MODELFLOAT_TEST_MODEL", "GGUF file")


@pytest.fixture(scope="session")
def minilm():
    return real("MODELFLOAT_TEST_MINILM", "model folder")


@pytest.fixture(scope="session")
def silero():
    return real("MODELFLOAT_TEST_SILERO", "folder with ONNX files")


@pytest.fixture(scope="session")
def whisper():
    return real("MODELFLOAT_TEST_WHISPER", "model folder")


@pytest.fixture(scope="session")
def llama_server():
    return real("MODELFLOAT_TEST_LLAMA_SERVER", "llama-server")
