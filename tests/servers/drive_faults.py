"""What tests/servers/drive_emulator.py is told to do wrong, and what it was asked so far.

A fault is {"call": NAME, "skip": n, "times": n, ...} and one or more of
  "status", "reason", "message", "headers": answer this instead of doing the work; with "work": true, after doing it
  "hang_up": true            close the connection without an answer; with "work": true, after doing the work
  "stall": true              never answer
  "garbage": TEXT            answer 200 with this body
  "after": n and "then"      of the answer's body send n bytes, then "reset", "stall", "slow" (1 byte a second) or "end" (a clean close)
  "read": n                  of the request's body take n bytes (which count as sent), then reset
  "read_status": n           the same, then answer "status" and "reason"
  "flip": n                  flip the lowest bit of byte n of the body that goes out, or of what an upload keeps
  "short": n / "long": n     the body, and its announced length, is n bytes shorter or longer than it should be
  "lose": true               do as if it were stored
"""
import collections
import threading
import time


class Faults:
    def __init__(self):
        self.lock = threading.Lock()
        self.clear()

    def clear(self):
        with self.lock:
            self.plans, self.counts, self.log, self.met = [], collections.Counter(), [], 0

    def plan(self, plans):
        with self.lock:
            self.plans += [dict(plan) for plan in plans]

    def take(self, call):
        """Counts one call, and gives what is to go wrong with it: a dict, empty when nothing is."""
        with self.lock:
            self.counts[call] += 1
            self.log.append((call, time.monotonic()))
            for plan in self.plans:
                if plan["call"] not in (call, "*") or plan.get("times", 1) == 0:
                    continue
                if plan.get("skip", 0) > 0:
                    plan["skip"] -= 1
                    continue
                plan["times"] = plan.get("times", 1) - 1
                self.met += 1
                return plan
            return {}

    def seen(self):
        with self.lock:
            return {"counts": dict(self.counts), "log": list(self.log), "met": self.met}
