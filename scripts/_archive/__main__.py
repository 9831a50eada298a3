"""Builds the boot archive; scripts/build-archive finds the interpreters and starts it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import layout
import pins
from part import Part


def main() -> None:
    """Build the archive, or renew the pins."""
    options = _options()
    if options.renew_pins:
        # A group's oldest Python asks for it.
        oldest = {pins.group_of(version): path for version, path in reversed(options.interpreters.items())}
        for group, interpreter in oldest.items():
            pins.renew(group, interpreter)
        return
    if options.output.is_dir():
        sys.exit(f"build-archive: {options.output} is a directory: -o takes the file to write")
    with tempfile.TemporaryDirectory(prefix="ecsauth-archive-") as scratch:
        parts = [Part.make(version, path, Path(scratch)) for version, path in options.interpreters.items()]
        _install(options.output, layout.archive(parts))
    size = options.output.stat().st_size
    sys.stderr.write(f"{options.output}: {size} bytes, for Python {', '.join(part.version for part in parts)}\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="build-archive", allow_abbrev=False)
    parser.add_argument("-o", dest="output", type=Path, required=True)
    parser.add_argument("--with", dest="interpreters", action="append", required=True)
    parser.add_argument("--renew-pins", action="store_true")
    options = parser.parse_args()
    found = dict(one.split("=", 1) for one in options.interpreters)
    options.interpreters = dict(sorted(found.items(), key=lambda pair: [int(number) for number in pair[0].split(".")]))
    return options


def _install(path: Path, content: bytes) -> None:
    """Write the file under another name first: the old one may be running."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_bytes(content)
        new.chmod(0o755)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


if __name__ == "__main__":
    try:
        main()
    except (pins.PinError, subprocess.SubprocessError) as fault:
        sys.exit(f"build-archive: {fault}")
    except OSError as fault:
        sys.exit(f"build-archive: {fault.filename}: {fault.strerror}")
    except KeyboardInterrupt:
        sys.exit(130)
