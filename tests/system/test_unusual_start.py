"""Started by a careless parent: descriptors missing, signals blocked or ignored, no threads or memory left, a terminal that closes."""
import contextlib
import ctypes
import fcntl
import os
import pty
import resource
import select
import signal
import socket
import subprocess
import termios
import time
import urllib.request
from pathlib import Path

import pytest

from program import PROGRAM, Exit, Home, Site, become, program_for_everybody, wait_until
from samples import MIB, random_file

SECONDS = 60
INTERRUPTED = 130


@pytest.fixture(scope="module", autouse=True)
def hang_up_is_not_ignored():
    """Whoever started the tests may ignore it (nohup), and what they start would inherit that."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(scope="module")
def filled(module_site):
    module_site.file = random_file(module_site.base / "net.bin", 3 * MIB, 1)
    module_site.push(module_site.file, "lab/net")
    return module_site


def run(home, *arguments, before=None, **options):
    """(exit code, standard output, standard error) of a command in whose process `before` ran first."""
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    child = home.start(*arguments, preexec_fn=before, **options)
    try:
        out, err = child.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        raise AssertionError(f"it hangs: {arguments}") from None
    return child.returncode, out, (err or b"").decode(errors="replace")


def without(*descriptors):
    def close():
        for descriptor in descriptors:
            os.close(descriptor)

    return close


# Missing descriptors


@pytest.mark.parametrize("arguments", [["ls"], ["ls", "--json"], ["show", "lab/net"], ["cat", "lab/net", "net.bin"], ["status"], ["--help"], ["--version"],
                                       ["pull", "lab/net", "-o", "pulled"], ["version"]], ids=" ".join)
@pytest.mark.parametrize("closed", [(1,), (0, 1), (0, 1, 2)], ids=str)
def test_output_is_not_lost_without_a_word_when_descriptor_1_is_closed(filled, arguments, closed):
    code, _, err = run(filled, *arguments, before=without(*closed))
    assert code == Exit.ERROR, err
    assert 2 in closed or "standard output" in err and "Bad file descriptor" in err


def test_no_file_takes_the_place_of_a_closed_descriptor(filled):
    for closed in ((0,), (1,), (2,), (0, 1, 2)):
        run(filled, "ls", before=without(*closed))
        run(filled, "ls", "nothing like this", "--verbose", "--verbose", before=without(*closed))
    assert filled.ok("verify").code == Exit.OK
    assert (filled.folder / "registry.db").read_bytes().startswith(b"SQLite format 3\0")


@pytest.mark.parametrize("closed", [(0,), (2,), (0, 2)], ids=str)
def test_cat_does_not_need_descriptors_that_it_does_not_use(filled, closed):
    code, out, _ = run(filled, "cat", "lab/net", "net.bin", before=without(*closed))
    assert code == Exit.OK and out == filled.file.read_bytes()


def test_a_limit_on_the_size_of_files_is_an_error_and_no_death_by_a_signal(filled, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, 2 * MIB))

    code, _, err = run(filled, "pull", "lab/net", "-o", tmp_path / "net.bin", before=limit)
    assert code == Exit.ERROR and "File too large" in err
    assert list(tmp_path.iterdir()) == []


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def served_and_ended(home, before=None, **options):
    """The exit code of a server that was asked for its health and then told to end."""
    port = free_port()
    server = home.start("serve", "--listen", f"127.0.0.1:{port}", preexec_fn=before, **options)

    def healthy():
        assert server.poll() is None, f"the server ended with {server.returncode}"
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=SECONDS).status == 200
        return False

    try:
        wait_until(healthy, "the server answers")
        server.terminate()
        return server.wait(SECONDS)
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
def test_serve_goes_on_when_a_descriptor_is_closed(filled, closed):
    assert served_and_ended(filled, before=without(*closed)) == Exit.OK


def test_serve_goes_on_when_nobody_can_read_where_it_listens(filled):
    with open("/dev/full", "wb") as full:
        assert served_and_ended(filled, stdout=full, stderr=subprocess.DEVNULL) == Exit.OK


@pytest.mark.parametrize("arguments", [["--help"], ["push", "--help"], ["--version"], ["ls"], ["version"]], ids=" ".join)
def test_no_room_for_what_is_printed_is_an_error(filled, arguments):
    with open("/dev/full", "wb") as full:
        code, _, err = run(filled, *arguments, stdout=full)
    assert code == Exit.ERROR and "standard output" in err


def test_a_recovery_code_that_nobody_saw_is_told(base):
    home = Home(base)
    with open("/dev/full", "wb") as full:
        code, _, err = run(home, "init", stdout=full)
    assert code != Exit.OK and "recovery code" in err and "remove" in err
    (home.folder / "registry.db").unlink()
    home.ok("init")


def test_output_into_a_pipe_that_does_not_block(filled):
    """As some parents leave it: a full pipe is no error."""
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETFL, os.O_NONBLOCK)
    process = filled.start("cat", "lab/net", "net.bin", stdout=write_end, stderr=subprocess.PIPE)
    os.close(write_end)
    with open(read_end, "rb") as stream:
        assert stream.read() == filled.file.read_bytes()
    assert process.wait(SECONDS) == Exit.OK, process.stderr.read()
    process.stderr.close()


# Signals, the working folder, the stack, its own name


def test_blocked_signals_are_let_through(filled):
    def block():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})

    assert served_and_ended(filled, before=block, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == Exit.OK


def test_a_working_folder_that_was_removed(filled):
    def lose_folder():
        gone = filled.base / f"gone-{os.getpid()}"
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()

    assert run(filled, "ls", before=lose_folder)[0] == Exit.OK
    for arguments in (["pull", "lab/net"], ["push", "net.bin"], ["push", "net.bin", "--name", "lab/x"]):
        code, _, err = run(filled, *arguments, before=lose_folder)
        assert code in (Exit.ERROR, Exit.NOT_FOUND) and "filesystem error" not in err, err


def test_a_small_stack_is_raised(filled):
    def shrink():
        resource.setrlimit(resource.RLIMIT_STACK, (128 << 10, resource.getrlimit(resource.RLIMIT_STACK)[1]))

    code, out, err = run(filled, "cat", "lab/net", "net.bin", before=shrink)
    assert code == Exit.OK and out == filled.file.read_bytes(), err


def test_without_even_its_own_name(filled):
    libc = ctypes.CDLL(None, use_errno=True)

    def execute():
        libc.execve(str(PROGRAM).encode(), (ctypes.c_char_p * 1)(None), (ctypes.c_char_p * 1)(None))

    code, _, err = run(filled, "ls", before=execute)
    assert code == Exit.USAGE and "--help" in err


# No threads or memory left


class Stranger:
    """A user who runs nothing else, so that limits on processes bind and count only what is tested."""

    def __init__(self, site, program):
        if os.geteuid() != 0:
            pytest.skip("only root can become another user")
        self.user = 100_000 + os.getpid() % 1_000_000
        self.site = site
        self.program = program
        for folder, _, files in os.walk(site.base.parent):
            for path in (folder, *(os.path.join(folder, name) for name in files)):
                os.chown(path, self.user, self.user)

    def run(self, *arguments, **limits):
        def before():
            for name, value in limits.items():
                resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (value, value))
            become(self.user)()

        return run(self.site, *arguments, before=before, executable=self.program)


@pytest.fixture(scope="module")
def stranger(module_base):
    module_base.chmod(0o755)
    site = Site(module_base / "strangers")
    site.environment.pop("MODELFLOAT_LLAMA_SERVER", None)  # lies where a stranger may not look
    site.push(random_file(site.work / "a.bin", 3 * MIB, 2), "lab/a")
    with program_for_everybody() as program:
        yield Stranger(site, program)


@pytest.mark.parametrize("arguments", [["ls"], ["cat", "lab/a", "a.bin"], ["push", "a.bin", "--name", "lab/b"], ["verify"]], ids=" ".join)
def test_a_command_ends_when_no_more_threads_can_be_started(stranger, arguments):
    codes = set()
    for limit in (1, 2, 3, 4, 5, 12, 19, 20, 400):
        code, _, err = stranger.run(*arguments, nproc=limit)
        assert code in (Exit.OK, Exit.ERROR), (limit, err)
        assert code == Exit.OK or "cannot start another thread" in err, (limit, err)
        codes.add(code)
    assert codes == {Exit.OK, Exit.ERROR}, "the limits tell too little or too much"


def test_serve_ends_when_no_more_threads_can_be_started(stranger):
    for limit in (1, 2, 19, 21, 22, 23, 24, 40, 68, 69, 70):
        code, _, err = stranger.run("serve", "--listen", "127.0.0.1:0", nproc=limit)
        assert code == Exit.ERROR and "cannot start another thread" in err, (limit, err)


@pytest.mark.parametrize("arguments", [["ls"], ["cat", "lab/a", "a.bin"]], ids=" ".join)
def test_a_command_ends_when_memory_is_short(stranger, arguments):
    seen = set()
    for mebibytes in (40, 60, 80, 100, 130, 160, 200, 250, 4000):
        code, out, err = stranger.run(*arguments, **{"as": mebibytes << 20})
        if "error while loading shared libraries" in err:
            continue
        assert code in (Exit.OK, Exit.ERROR), (mebibytes, code, err)
        assert code == Exit.OK or err.startswith("modelfloat: ") and "std::" not in err, (mebibytes, err)
        seen.add(code)
    assert Exit.OK in seen


# A terminal that is closed, or left


@pytest.fixture(scope="module")
def slow_pull(filled):
    """Starts a pull that takes long and has begun to write."""
    filled.push(random_file(filled.base / "large.bin", 24 * MIB, 3), "lab/large")
    started = []

    def start(folder, before=None):
        folder.mkdir()
        process = filled.start("--bwlimit", "1M", "pull", "lab/large", "-o", folder / "large.bin", preexec_fn=before, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
        started.append(process)
        wait_until(lambda: any(folder.iterdir()) or process.poll() is not None, "the pull writes")
        assert process.poll() is None
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_pull_that_is_hung_up_leaves_no_part(slow_pull, base, number):
    folder = base / "out"
    process = slow_pull(folder)
    process.send_signal(number)
    assert process.wait(SECONDS) == INTERRUPTED
    assert list(folder.iterdir()) == []


def test_hung_up_twice_is_as_once(slow_pull, base):
    """The shell and the kernel both tell it when a terminal is closed."""
    folder = base / "out"
    process = slow_pull(folder)
    for _ in range(20):
        process.send_signal(signal.SIGHUP)
    assert process.wait(SECONDS) == INTERRUPTED
    assert list(folder.iterdir()) == []


def test_nohup_is_respected(slow_pull, base):
    process = slow_pull(base / "out", before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    status = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    mask = 1 << (signal.SIGHUP - 1)
    assert int(status["SigIgn"], 16) & mask and not int(status["SigCgt"], 16) & mask


class Prompt:
    """A command that asks for a passphrase on a terminal of its own."""

    def __init__(self, home, command):
        self.shown = b""
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            with contextlib.suppress(OSError):
                os.execve("/bin/sh", ["sh", "-c", command], dict(home.environment, PROGRAM=str(PROGRAM)))
            os._exit(127)

    def wait_for(self, text):
        end = time.monotonic() + SECONDS
        while text not in self.shown:
            assert select.select([self.terminal], [], [], max(0, end - time.monotonic()))[0], f"nothing happens any more: {self.shown}"
            self.shown += os.read(self.terminal, 4096)
        self.shown = self.shown.partition(text)[2]

    def echoes(self):
        return bool(termios.tcgetattr(self.terminal)[3] & termios.ECHO)

    def type(self, text):
        os.write(self.terminal, text)

    def exit_code(self):
        end = time.monotonic() + SECONDS
        with contextlib.suppress(OSError):  # so a terminal says that nobody writes to it any more
            while select.select([self.terminal], [], [], max(0, end - time.monotonic()))[0] and os.read(self.terminal, 4096):
                pass
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])


@pytest.fixture
def locked(base):
    secret = base / "passphrase"
    secret.write_text("correct horse\n")
    home = Home(base)
    home.ok("init", "--passphrase-file", secret)
    return home


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGALRM],
                         ids=lambda number: number.name)
def test_the_terminal_shows_what_is_typed_again_after_a_signal_at_the_prompt(locked, number):
    prompt = Prompt(locked, 'exec "$PROGRAM" ls')
    prompt.wait_for(b"passphrase: ")
    wait_until(lambda: not prompt.echoes(), "the prompt does not show what is typed")
    os.kill(prompt.child, number)
    assert prompt.exit_code() == (-number if number in (signal.SIGUSR1, signal.SIGALRM) else INTERRUPTED)
    assert prompt.echoes()
    os.close(prompt.terminal)


def test_the_terminal_shows_what_is_typed_while_the_prompt_is_stopped(locked):
    prompt = Prompt(locked, 'set -m; "$PROGRAM" ls; echo stopped; read line; fg; echo "ended $?"')
    prompt.wait_for(b"passphrase: ")
    wait_until(lambda: not prompt.echoes(), "the prompt does not show what is typed")
    prompt.type(b"\x1a")  # Ctrl-Z
    prompt.wait_for(b"stopped")
    assert prompt.echoes()
    prompt.type(b"\n")
    prompt.wait_for(b"passphrase: ")
    wait_until(lambda: not prompt.echoes(), "the prompt does not show what is typed")
    prompt.type(b"correct horse\n")
    prompt.wait_for(b"ended 0")
    prompt.exit_code()
    assert prompt.echoes()
    os.close(prompt.terminal)
