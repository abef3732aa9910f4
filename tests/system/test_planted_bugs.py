"""The bugs that tests/planted_bugs.py plants still have their places in the sources."""
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_bug_has_its_place():
    done = subprocess.run([sys.executable, ROOT / "tests/planted_bugs.py", "check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
