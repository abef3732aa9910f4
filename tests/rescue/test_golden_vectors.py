"""The vectors that the C++ program wrote once, checked by the reader that was written from the page alone."""
import json
from pathlib import Path

import pytest

import rescue
from blake3 import blake3
from conftest import Site

VECTORS = json.loads((Path(__file__).resolve().parents[1] / "golden/mf1-vectors.json").read_text())
SECRETS = {1: "--recovery-code-file", 2: "--passphrase-file", 3: "--key-file"}


class GoldenSite(Site):
    """A store with the objects of the vectors."""

    def __init__(self, base):
        self.base = base
        self.stores = [base / "store"]
        for path, content in VECTORS["objects"].items():
            file = self.stores[0] / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(bytes.fromhex(content))
        self.secrets = {}
        for slot in VECTORS["slots"]:
            file = base / ("secret%d" % slot["kind"])
            file.write_text(slot["secret"])
            self.secrets[slot["kind"]] = (SECRETS[slot["kind"]], file)


@pytest.fixture
def golden(tmp_path):
    return GoldenSite(tmp_path)


@pytest.mark.parametrize("kind", SECRETS)
def test_every_model_comes_back_by_every_secret(golden, kind):
    assert VECTORS["models"]
    for name, files in VECTORS["models"].items():
        done, found = golden.restore(name, secret=golden.secrets[kind])
        assert found == {path: bytes.fromhex(content) for path, content in files.items()}, done.stderr


def test_nothing_is_remarked_on(golden):
    done = golden.run("list", secret=golden.secrets[1])
    assert done.returncode == 0 and done.stderr == ""
    assert all(name.split(":")[0] in done.stdout for name in VECTORS["models"])


def test_objects_are_named_by_their_bytes():
    for path, content in VECTORS["objects"].items():
        if not path.startswith("mf1/marker"):
            assert path.endswith(blake3(bytes.fromhex(content)).hexdigest()), path


def test_documents_are_what_their_cbor_says():
    """Every document of the vectors lies among the objects."""
    assert {document["type"] for document in VECTORS["documents"]} >= {
        rescue.STRUCTURE, rescue.CONTENT, rescue.LOG, rescue.CHECKPOINT, rescue.PART}
    for document in VECTORS["documents"]:
        assert document["path"] in VECTORS["objects"]
