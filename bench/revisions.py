#!/usr/bin/env python3
"""How many bytes the next revision of a model costs, beside restic.

    bench/revisions.py [--program build/release/bin/modelfloat] [--folder DIR]

SmolLM2 is stored, then a copy in which eight tensors were touched, then one whose header alone grew, so that all tensors lie further
back. Printed is how much the store grew by each; modelfloat's pool is one folder without redundancy, to compare like with like. No times: a
figure does not depend on what else the machine does.
"""

import argparse
import pathlib
import sys
import tempfile

from transfer import ROOT, ModelFloat, Restic, folder_bytes, model, timed

sys.path.insert(0, str(ROOT / "tests/system"))
from gguf_file import Gguf  # noqa: E402


class Floated(ModelFloat):
    def put(self, file):
        return self.call("push", file, "--name", f"bench/{file.stem}")


class Backup(Restic):
    def put(self, file):
        return timed(["restic", "-r", self.store, "backup", "-q", file], env=self.environment)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=ROOT / "build/release/bin/modelfloat")
    parser.add_argument("--folder", default=None, help="where to work (needs about 6 times the model)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        scratch = pathlib.Path(scratch)
        base = Gguf(model("smollm2").read_bytes())
        revisions = {"base": base.data, "tensors": base.with_changed_tensors(8), "header": base.with_longer_header(b"a remark " * 150)}
        for name, content in revisions.items():
            (scratch / f"{name}.gguf").write_bytes(content)
        tools = [Floated(scratch, arguments.program, 1, "1+0"), Backup(scratch)]
        print(f"SmolLM2, {len(base.data):,} bytes, {len(base.tensors)} tensors: what the store grew by, in MB\n")
        print("| tool | first push | 8 tensors touched | header grown by 1.4 KB |")
        print("|---|---|---|---|")
        for tool in tools:
            before, cells = tool.stored(), []
            for name in revisions:
                tool.put(scratch / f"{name}.gguf")
                cells.append(f"{(tool.stored() - before) / 1e6:.2f}")
                before = tool.stored()
            print(f"| {tool.name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
