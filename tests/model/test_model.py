"""The models of the log's and the collector's rules (check.py), each check as a test. MODELFLOAT_NIGHTLY adds the large ones."""
import os

import check
import pytest

CHECKS = list(check.all_checks(nightly="MODELFLOAT_NIGHTLY" in os.environ))


def name_of(one):
    return f"{one.part}: {one.title}" + "".join(f", without {name}" for name in one.without)


@pytest.mark.parametrize("one", CHECKS, ids=name_of)
def test_rules(one):
    outcome = one.run()
    good, said = check.verdict(one, outcome)
    assert good, "\n".join([said, *(outcome.trace or [])])


def test_each_rule_is_taken_out_by_some_check():
    assert not check.rules_without_mutation((), CHECKS)
