"""The engine and tools/rescue.py make the same of random histories. MODELFLOAT_NIGHTLY=1 takes more of them."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from histories import has_forks

ROOT = Path(__file__).resolve().parents[2]
HISTORIES = Path(__file__).parent / "histories.py"
PROGRAM = Path(os.environ.get("MODELFLOAT_TEST_RESOLVER", ROOT / "build/release/tests/resolve_histories"))
COUNT = 10_000 if "MODELFLOAT_NIGHTLY" in os.environ else 3_500

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason=f"MODELFLOAT_TEST_RESOLVER is not built: {PROGRAM}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("histories")
    lines(sys.executable, HISTORIES, "write", made, COUNT)
    return made


@pytest.fixture(scope="module")
def by_engine(folder):
    return lines(PROGRAM, "once", folder)


def lines(*command):
    """What each line of the output says, by the number of the history."""
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-5000:]
    told = (json.loads(line) for line in done.stdout.splitlines())
    return {state.pop("history"): ordered(state) for state in told}


def ordered(state):
    """Lists that are sets, in one order."""
    return dict(state, condemned=sorted(state["condemned"], key=str), slots=sorted(state["slots"]))


def compare(what, ours, theirs, keys):
    """keys: number -> which keys have to be equal."""
    assert list(ours) == list(theirs) == list(range(COUNT))
    different = [number for number in ours if any(ours[number][key] != theirs[number][key] for key in keys(number))]
    if different:
        first = different[0]
        pytest.fail("%d of %d histories differ. The first is number %d:\n\n%s: %s\n\n%s: %s\n\nIt differs in %s. To write it again:\n  %s write DIR 1 %d" % (
            len(different), COUNT, first, what[0], ours[first], what[1], theirs[first],
            ", ".join(key for key in keys(first) if ours[first][key] != theirs[first][key]), HISTORIES, first))


def test_the_engine_and_rescue_agree(folder, by_engine):
    """Also whether a reader is read-only. All stores of a history are one failure domain, so that for the engine, too, nothing that it cannot
    open is junk for lying on too few."""
    by_rescue = lines(sys.executable, HISTORIES, "resolve", folder)
    compare(("rescue.py", "the engine"), by_rescue, by_engine, lambda number: by_rescue[number])


def test_what_was_read_before_changes_nothing(folder, by_engine):
    """A home that has read half of the objects, and then all, knows what a new home does. But for these:
    - condemned objects may come back by a record that was read before a checkpoint took its place (section 9.6);
    - what has to be opened, and so what can be found that is not understood, depends on what is known already;
    - in a fork the heads of a record that the checkpoint of one branch leaves out are not known to the other, unless the record itself was
      read (section 9.3): that may cost a tag, or a place in the catalogue, but never a revision;
    - writers leave out what is dead by changes that they understand, and these readers do not."""
    def keys(number):
        if by_engine[number]["read_only"]:
            return ()
        return ("models",) if has_forks(number) else ("models", "tags", "stores", "slots")

    compare(("at once", "in two steps"), by_engine, lines(PROGRAM, "twice", folder), keys)
