"""peak_memory.py REPORT COMMAND ...: runs the command and writes the most memory it had, in KiB, to the file REPORT.

A process of its own, small, because the kernel counts what the parent had before exec to the child.
"""
import os
import sys

child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
with open(sys.argv[1], "w") as report:
    report.write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 99)
