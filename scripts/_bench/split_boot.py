"""Runs one boot in this process, its modules loaded beforehand, and writes what each part took.

Usage: split_boot.py MODULES OUT boot … --format json

The first run, as long as there is no file MODULES, only writes into it the modules that a boot loads, one a line,
without those that Python loads by itself. The others load these first, those of the standard library before ecsauth's,
so that nothing is left to load in the steps that the boot reports, and write the seconds of each part into OUT, as
JSON. This program itself imports nothing that Python does not load anyway, before the modules are counted and timed.
"""

import os
import sys
from time import perf_counter

_BEGAN = perf_counter()
_OURS = "ecsauth"


def _first_run(modules: str, arguments: list[str]) -> int:
    before = set(sys.modules)
    from ecsauth.cli.main import main

    status = main(arguments)
    loaded = [name for name in sys.modules if name not in before]
    with open(modules, "w", encoding="utf-8") as file:
        file.write("".join(f"{name}\n" for name in loaded))
    return status


def _load(names: list[str]) -> float:
    began = perf_counter()
    for name in names:
        __import__(name)
    return perf_counter() - began


class _TimedFsync:
    """os.fsync, with the seconds that each call took."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._fsync = os.fsync

    def __call__(self, descriptor: int) -> None:
        began = perf_counter()
        self._fsync(descriptor)
        self.seconds.append(perf_counter() - began)


def _split_run(modules: str, out: str, arguments: list[str]) -> int:
    import gc

    # As a boot does, before it loads most of its modules.
    gc.disable()
    with open(modules, encoding="utf-8") as file:
        names = file.read().split()
    ours = [name for name in names if name.partition(".")[0] == _OURS]
    others = [name for name in names if name not in ours]
    loading_others, loading_ours = _load(others), _load(ours)
    import io
    import json

    from ecsauth.cli.main import main

    fsync, shown, stdout = _TimedFsync(), io.StringIO(), sys.stdout
    vars(os)["fsync"] = fsync
    sys.stdout = shown
    began = perf_counter()
    status = main(arguments)
    seconds = perf_counter() - began
    sys.stdout = stdout
    report = {
        "began": _BEGAN,
        "standard_library": loading_others,
        "ecsauth": loading_ours,
        "main": seconds,
        "fsync": fsync.seconds,
        "steps": {step["name"]: step["seconds"] for step in json.loads(shown.getvalue())["steps"]},
    }
    with open(out, "w", encoding="utf-8") as file:
        json.dump(report, file)
    return status


def _main(modules: str, out: str, *arguments: str) -> int:
    if os.path.exists(modules):
        return _split_run(modules, out, list(arguments))
    return _first_run(modules, list(arguments))


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
