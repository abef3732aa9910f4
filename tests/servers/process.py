"""A server that a test talks to: started on a free port of 127.0.0.1, awaited, and ended with all that it started."""
import os
import signal
import socket
import subprocess
import sys
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def end_in_order_when_told():
    """SIGTERM unwinds the program from now on, so that what it started ends, too."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


class Server:
    """`environment` is what the tests read; `log` is where the server writes; `leftovers` are files that it leaves elsewhere."""

    def __init__(self, name, command, log, environment, ready, seconds=120, **options):
        self.name, self.log, self.environment, self.leftovers = name, log, environment, []
        with open(log, "ab") as output:
            self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                            start_new_session=True, **options)
        end = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"{name} does not come up:\n" + log.read_text(errors="replace")[-3000:])
            time.sleep(0.05)

    def stop(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                break
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                continue
        self.process.wait()
        for path in self.leftovers:
            path.unlink(missing_ok=True)


class Servers:
    """Several as one; the last is stopped first."""

    def __init__(self, *parts):
        self.parts = parts
        self.environment = {name: value for part in parts for name, value in part.environment.items()}

    def stop(self):
        for part in reversed(self.parts):
            part.stop()
