#!/usr/bin/env python3
"""Writes the seeds of mf1_document and mf1_slot from the golden vectors: every document, and the slots of the last epoch."""
import json
import sys
from pathlib import Path

import cbor2

FUZZ = Path(__file__).resolve().parent
# What the first byte of a seed of mf1_document chooses.
CASES = {"structure_root": 0, "structure_segment": 1, "content_root": 2, "content_segment": 3, "log": 4, "checkpoint": 5, "part": 6}
TYPES = {2: "structure", 3: "content", 4: "log", 5: "checkpoint", 8: "part"}
SECRETS = {1: "code", 2: "passphrase", 3: "key_file"}


def empty(name):
    folder = FUZZ / "corpus" / name
    for file in folder.iterdir():
        file.unlink()
    return folder


def main(vectors):
    folder = empty("mf1_document")
    for number, document in enumerate(vectors["documents"]):
        cbor = bytes.fromhex(document["cbor"])
        name = TYPES[document["type"]]
        if name in ("structure", "content"):
            name += "_" + cbor2.loads(cbor)["kind"]
        (folder / f"{name}_{number}").write_bytes(bytes([CASES[name]]) + cbor)
    folder = empty("mf1_slot")
    last = max(slot["epoch"] for slot in vectors["slots"])
    for slot in vectors["slots"]:
        if slot["epoch"] == last:
            (folder / SECRETS[slot["kind"]]).write_bytes(bytes.fromhex(vectors["objects"][slot["object"]]))


if __name__ == "__main__":
    path = sys.argv[1] if len(sys.argv) > 1 else FUZZ.parent / "tests/golden/mf1-vectors.json"
    main(json.loads(Path(path).read_text()))
