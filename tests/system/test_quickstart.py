"""`./quickstart --stores all`, as somebody runs it in a checkout of their own: everything below runs from a copy of this one."""
import os
import shutil
import subprocess
from pathlib import Path

from program import ROOT

SECONDS = 1200  # most of it to build the program, where ccache has none of it
FROM_OUTSIDE = ("PATH", "HOME", "LANG", "LOGNAME", "USER", "SHELL", "CCACHE_DIR")


def copy_of_the_cache(folder):
    """A cache folder that has what this machine's has, so that it is not fetched again; what comes to it, or goes, does so here alone."""
    folder.mkdir()
    warm = Path(os.environ.get("MODELFLOAT_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modelfloat")
    for entry in warm.iterdir():
        if entry.is_dir() and entry.name != "tidy":
            (folder / entry.name).mkdir()
            for part in entry.iterdir():
                (folder / entry.name / part.name).symlink_to(part)
    return folder


def below(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_all_kinds_of_stores_and_nothing_left(base):
    base.chmod(0o711)  # Apache runs as another user
    checkout, temporary, cache = base / "checkout", base / "tmp", copy_of_the_cache(base / "cache")
    shutil.copytree(ROOT, checkout, symlinks=True, ignore=lambda _, names: {"build", ".git", "__pycache__"} & set(names))
    temporary.mkdir(mode=0o711)
    files, cached = below(checkout), below(cache)
    environment = {name: os.environ[name] for name in FROM_OUTSIDE if name in os.environ}
    environment |= {"MODELFLOAT_CACHE": str(cache), "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}

    def quickstart(*arguments):
        try:
            done = subprocess.run(["nice", "./quickstart", *arguments], cwd=checkout, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired as hung:
            raise AssertionError("hangs after: " + (hung.stdout or b"").decode(errors="replace")[-5000:]) from None
        assert done.returncode == 0, done.stdout[-5000:]
        return done.stdout

    said = quickstart("--stores", "all")
    assert said.count("The capital of France is\x1b[1m Paris.") == 3, said  # without two stores, without two others, and after the loss of the machine
    assert said.count("the same SHA-256") == 6, said  # three models on two machines, after the loss of a provider and of two more stores
    assert below(temporary) == set()
    assert (checkout / "build").exists()
    quickstart("--clean")
    assert below(checkout) ^ files == set()
    assert below(cache) ^ cached == set()
