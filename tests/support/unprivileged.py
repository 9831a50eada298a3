"""The program under test as a user who may nothing: not read the file, not ask docker."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from program import SOURCES, TIMEOUT_S, Ended

if TYPE_CHECKING:
    from collections.abc import Mapping

NOBODY = 65534
# Everything is loaded before the privileges go: the interpreter itself may be where only root may read.
_PROGRAM = f"""
import _strptime, email.utils, encodings.ascii, encodings.idna, encodings.latin_1, encodings.raw_unicode_escape
import http.client, importlib, os, pkgutil, sys, ecsauth
for module in pkgutil.walk_packages(ecsauth.__path__, "ecsauth."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
from ecsauth.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def run(*arguments: str, env: Mapping[str, str]) -> Ended:
    """Run the program to its end as nobody."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        env={**env, "PYTHONPATH": str(SOURCES)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd="/",
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)
