"""A process for which the kernel refuses system calls, as strange file systems do."""
import ctypes
import errno
import os
import platform
import struct

import pytest

FSYNC, SYNC_FILE_RANGE, FALLOCATE, LINKAT, RENAMEAT2 = 74, 277, 285, 265, 316  # x86_64
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000


def refusing(calls):
    """For subprocess's preexec_fn: each call of this {number: errno} fails with it."""
    if platform.machine() != "x86_64":
        pytest.skip("the numbers of the calls are those of x86_64")
    steps = [struct.pack("HBBI", LOAD, 0, 0, 0)]
    for number, error in calls.items():
        steps += [struct.pack("HBBI", JUMP_IF_EQUAL, 0, 1, number), struct.pack("HBBI", RETURN, 0, 0, REFUSE | error)]
    steps.append(struct.pack("HBBI", RETURN, 0, 0, ALLOW))
    code = ctypes.create_string_buffer(b"".join(steps))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)

    def refuse():
        assert code is not None
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or libc.prctl(PR_SET_SECCOMP, MODE_FILTER, program, 0, 0) != 0:
            os.write(2, f"no system call can be refused here: {errno.errorcode.get(ctypes.get_errno())}\n".encode())
            os._exit(99)

    return refuse
