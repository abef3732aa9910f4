#!/usr/bin/env python3
"""Explores the models of the log's and the collector's rules (docs/formats/mf1.md, sections 9 and 15).

  python3 tests/model/check.py             the small spaces, whole
  python3 tests/model/check.py --nightly   the large ones, too
  python3 tests/model/check.py --traces    with the shortest way to a bad state for each rule taken out
  python3 tests/model/check.py PART ...    these parts alone
  python3 tests/model/check.py --rules     the rules by name, and where each is from

With all its rules a model must not reach a bad state, and must be explored whole. Without one of them it must reach one: else
the model does not test that rule. Rules that begin with NEW are not on the page.
"""
import argparse
import importlib
import sys
import time

PARTS = ("collecting", "copies", "members", "order", "replacing", "checkpoints", "own_records", "junk", "epochs")


def parts(names):
    return [importlib.import_module(name) for name in names or PARTS]


def all_checks(names=(), nightly=False):
    for part in parts(names):
        yield from part.checks(nightly)


def verdict(check, outcome):
    """(whether it is as it must be, what to print)"""
    if check.without:
        caught = outcome.trace is not None
        return caught, f"caught in {len(outcome.trace)} steps" if caught else "NOT CAUGHT"
    if outcome.trace is not None:
        return False, f"BAD STATE in {len(outcome.trace)} steps"
    return outcome.whole, "holds" if outcome.whole else "NOT EXPLORED WHOLE"


def run(check, traces):
    begin = time.process_time()
    outcome = check.run()
    good, said = verdict(check, outcome)
    title = check.title + (" -- without " + " and ".join(check.without) if check.without else "")
    print(f"{'ok    ' if good else 'FAILED'} {check.part}: {title}: {said}; {outcome.states} states, {time.process_time() - begin:.1f} s", flush=True)
    if outcome.trace is not None and (traces or not good):
        for number, label in enumerate(outcome.trace, 1):
            print(f"       {number:2}. {label}")
    return good


def rules_without_mutation(names, checks):
    taken_out = {(check.part, name) for check in checks for name in check.without}
    return [f"{part.__name__}: {rule}" for part in parts(names) for rule in part.RULES if (part.__name__, rule) not in taken_out]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    for option in ("--nightly", "--traces", "--rules"):
        parser.add_argument(option, action="store_true")
    arguments = parser.parse_args()
    if arguments.rules:
        for part in parts(arguments.parts):
            print(*(f"{part.__name__}: {name}: {said}" for name, said in part.RULES.items()), sep="\n")
        return 0
    begin = time.process_time()
    checks = list(all_checks(arguments.parts, arguments.nightly))
    bad = sum(not run(check, arguments.traces) for check in checks)
    untested = rules_without_mutation(arguments.parts, checks)
    for rule in untested:
        print(f"FAILED {rule}: no check takes this rule out")
    print(f"{len(checks) - bad} checks as they must be, {bad + len(untested)} not, {time.process_time() - begin:.0f} s of a processor")
    return 1 if bad or untested else 0


if __name__ == "__main__":
    sys.exit(main())
