"""Fuzzes one target with atheris; started by campaign.py in a process of its own, which libFuzzer ends."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["ecsauth"]):
    from _fuzz import target
    from _fuzz.mutator import mutate

# Of so many changes one is libFuzzer's own, byte by byte.
_BYTEWISE = 3


def main() -> None:
    """Take the target's name and libFuzzer's arguments from the command line."""
    name, *arguments = sys.argv[1:]
    with atheris.instrument_imports(include=["ecsauth"]):
        loaded = target.load(name)
    atheris.Setup(["fuzz", *arguments], loaded.run, custom_mutator=_mutated)
    atheris.Fuzz()


def _mutated(data: bytes, most: int, seed: int) -> bytes:
    if seed % _BYTEWISE == 0:
        return bytes(atheris.Mutate(data, most))
    return mutate(data, seed)[:most]


if __name__ == "__main__":
    main()
