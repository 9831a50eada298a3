"""Runs one command and prints wall seconds, CPU seconds, peak memory in KiB, exit status and when it began.

A program of its own, run by `python -I -S`: Linux counts the memory of the process that starts a command as that
command's own until it has loaded its program, so whoever measures has to be smaller than all that is measured.
"""

import os
import sys
import time

null = os.open(os.devnull, os.O_RDWR)
quiet = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1)]
began = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, usage = os.wait4(child, 0)
seconds = time.perf_counter() - began
sys.stdout.write(f"{seconds} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss} {status} {began}\n")
