"""Credential helpers as shell scripts: well-behaved ones, and all the ways in which one can fail."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NOT_FOUND = "credentials not found in native keychain"


def install(directory: Path, name: str, *lines: str) -> Path:
    """Put a helper of these shell lines into a directory of PATH."""
    directory.mkdir(exist_ok=True)
    program = directory / f"docker-credential-{name}"
    program.write_text("".join(f"{line}\n" for line in ("#!/bin/sh", *lines)), encoding="utf-8")
    program.chmod(0o755)
    return program


def keychain(directory: Path, name: str, server: str, username: str, secret: str) -> Path:
    """Put a helper that keeps one credential, and speaks the protocol to the letter."""
    answer = f'{{"ServerURL":"{server}","Username":"{username}","Secret":"{secret}"}}'
    listed = f'{{"{server}":"{username}"}}'
    return install(
        directory,
        name,
        "server=$(cat)",
        'case "$1" in',
        f"list) printf '%s\\n' {shlex.quote(listed)} ;;",
        f'get) [ "$server" = {shlex.quote(server)} ] || {{ echo {NOT_FOUND}; exit 1; }}',
        f"  printf '%s\\n' {shlex.quote(answer)} ;;",
        "*) exit 2 ;;",
        "esac",
    )
