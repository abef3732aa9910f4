"""What a server of kinds.py is told to do wrong, the same way for all kinds: by the proxy before it, by the emulator that it is, or by both."""
import json
import urllib.request


def ask(url, value=None, method=None):
    data = None if value is None else json.dumps(value).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, method=method), timeout=60) as answer:
        return json.load(answer)


class Faults:
    """`proxy` is the control address of fault_proxy.py; `emulator` is what an emulator's module has: plan(faults), which forgets the ones before, and met()."""

    def __init__(self, proxy=None, emulator=None):
        self.proxy, self.emulator = proxy, emulator

    def plan(self, *rules):
        """From now on these alone. A rule that names a "call" is for the emulator, any other for the proxy."""
        calls = [rule for rule in rules if "call" in rule]
        if self.proxy:
            ask(self.proxy + "/rules", method="DELETE")
        if self.emulator:
            self.emulator.plan(calls)
        for rule in rules:
            if "call" not in rule:
                ask(self.proxy + "/rules", rule)

    def log(self):
        """The requests that came to the proxy since the last plan()."""
        return ask(self.proxy + "/log")

    def met(self):
        """How many requests since the last plan() met one of its rules."""
        through_proxy = sum(call["fault"] is not None for call in self.log()) if self.proxy else 0
        return through_proxy + (self.emulator.met() if self.emulator else 0)
