"""What `pull -o` meets where it is to write."""
import os

import pytest

from program import Exit, Site, hashes
from samples import MIB, random_file


@pytest.fixture
def site(base):
    site = Site(base, "1+0", stores=1)
    site.push(random_file(site.base / "one.bin", MIB, 1), "lab/one")
    folder = site.base / "some"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.bin", "b.bin", "sub/c.bin"):
        random_file(folder / name, 300_000, len(name))
    site.push(folder, "lab/some")
    return site


def test_a_pipe_is_not_replaced(site):
    pipe = site.base / "pipe"
    os.mkfifo(pipe)
    refused = site.run("pull", "lab/one", "-o", pipe, code=Exit.ERROR)
    assert str(pipe) in refused.err and "cat" in refused.err
    assert pipe.is_fifo() and sorted(site.base.glob(".pipe*")) == []


def test_a_link_stands_for_what_it_leads_to(site):
    (site.base / "real.bin").write_bytes(b"old")
    link = site.base / "link.bin"
    link.symlink_to("real.bin")
    site.ok("pull", "lab/one", "-o", link)
    assert link.is_symlink() and (site.base / "real.bin").read_bytes() == (site.base / "one.bin").read_bytes()


def test_a_folder_in_the_way_is_found_before_anything_is_written(site):
    target = site.base / "target"
    (target / "b.bin").mkdir(parents=True)
    refused = site.run("pull", "lab/some", "-o", target, code=Exit.ERROR)
    assert "b.bin" in refused.err
    assert [path.name for path in target.iterdir()] == ["b.bin"] and (target / "b.bin").is_dir()
    (target / "b.bin").rmdir()
    (target / "sub").write_bytes(b"a file")
    refused = site.run("pull", "lab/some", "-o", target, code=Exit.ERROR)
    assert "sub" in refused.err and [path.name for path in target.iterdir()] == ["sub"]
    (target / "sub").unlink()
    site.ok("pull", "lab/some", "-o", target)
    assert hashes(target) == hashes(site.base / "some")
