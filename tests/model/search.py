"""Breadth-first search over all states of a small model, and what a check is."""
from collections import deque
from typing import Callable, NamedTuple


class Outcome(NamedTuple):
    trace: list | None  # the labels of the shortest way to a bad state; None where none was found
    states: int
    whole: bool  # whether every state was seen


class Check(NamedTuple):
    """With all rules, no bad state may be reached; without the rules in `without`, one must be."""
    part: str
    title: str
    without: tuple
    run: Callable[[], Outcome]


def explore(start, moves, is_bad, most_states=3_000_000):
    """`moves(state)` yields (label, next state); `is_bad(state)` says what must never be."""
    came_from, queue = {start: None}, deque([start])
    while queue:
        state = queue.popleft()
        if is_bad(state):
            return Outcome(way_to(state, came_from), len(came_from), False)
        if len(came_from) > most_states:
            return Outcome(None, len(came_from), False)
        for label, following in moves(state):
            if following not in came_from:
                came_from[following] = (state, label)
                queue.append(following)
    return Outcome(None, len(came_from), True)


def way_to(state, came_from):
    labels = []
    while came_from[state] is not None:
        state, label = came_from[state]
        labels.append(label)
    return labels[::-1]


class Rules:
    """The names of the rules that are on."""

    def __init__(self, names, without=()):
        unknown = set(without) - set(names)
        if unknown:
            raise ValueError(f"no such rule: {unknown}")
        self.on = frozenset(names) - frozenset(without)

    def __getattr__(self, name):
        return name in self.on


def with_and_without(part, rules, title, run, without=()):
    """One check with all rules and one for each entry of `without`, a name or a tuple of names. `run` takes Rules."""
    yield Check(part, title, (), lambda: run(Rules(rules)))
    yield from only_without(part, rules, title, run, without)


def only_without(part, rules, title, run, without):
    for names in without:
        names = (names,) if isinstance(names, str) else names
        yield Check(part, title, names, lambda names=names: run(Rules(rules, names)))
