"""Random histories: what checkpoints leave out, what writers delete and what stale stores still list changes nothing."""
import pytest

from histories import Batch, forget_half, state_of, write_history


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    return Batch(tmp_path_factory.mktemp("batch"))


@pytest.mark.parametrize("part", range(4))
def test_checkpoints_and_deletions_change_nothing(batch, tmp_path, part):
    """The same records with and without checkpoints; and beside a store that missed the deletions, or some of them."""
    for seed in range(part * 12, part * 12 + 12):
        whole, plain, missed = (tmp_path / ("%s%d" % (name, seed)) for name in ("history", "plain", "missed"))
        write_history(seed, batch, whole, forks=False, missed=missed)
        write_history(seed, batch, plain, forks=False, checkpoints=False)
        expected = state_of(plain)
        assert state_of(whole) == expected
        assert state_of(whole, missed) == expected
        forget_half(missed, seed)
        stale = state_of(whole, missed)
        stale["condemned"] = expected["condemned"]  # may come back: section 9.6
        assert stale == expected


def test_every_committed_manifest_of_a_fork_is_found(batch, tmp_path):
    for seed in range(40):
        states = []
        for name, checkpoints in (("with", True), ("without", False)):
            folder = tmp_path / ("%s-%d" % (name, seed))
            write_history(seed, batch, folder, checkpoints=checkpoints)
            states.append(state_of(folder))
        assert states[0]["models"] == states[1]["models"]
