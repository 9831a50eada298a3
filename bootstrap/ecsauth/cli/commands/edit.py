"""`ecsauth edit`: the env-file in S3 in the user's editor, checked when it is saved, put if nobody else was faster."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

from ecsauth.check import approve
from ecsauth.cli import console, options, publish
from ecsauth.cli.findings import explain_fault
from ecsauth.cli.publish import Present, Proposal
from ecsauth.errors import InvalidError
from ecsauth.host import editor
from ecsauth.host.editor import remove_leftovers, scratch_file

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ecsauth.cli.options import Parser
    from ecsauth.finding import Finding
    from ecsauth.host.editor import ScratchFile

# For an editor that goes by the name.
_NAME = "ecs.config"


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    options.add_uri(parser)
    publish.add_arguments(parser, "the one of the current version")
    options.add_aws(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Edit and push; raise an EcsauthError with nothing put, and nothing left on this machine in any case."""
    for folder in remove_leftovers():
        console.warn(f"removed {folder}: an edit that was killed had left the env-file there")
    publish.refuse_version(arguments)
    place = publish.place_of(arguments)
    read = place.shelf.read(place.uri)
    present = Present(read.held, read.content)
    kms_key = publish.key_for(place, arguments.kms_key, read.held)
    with _quitting_is_an_interrupt(), scratch_file(_NAME, read.content) as file:
        if not file.is_in_memory:
            console.warn("there is no place in memory for the file: while it is edited it is on the disk, 0600")
        data, findings = _edited(file, read.content, arguments)
    proposal = Proposal(data, _NAME, findings, present, kms_key)
    return publish.carry_out(place, proposal, arguments)


@contextlib.contextmanager
def _quitting_is_an_interrupt() -> Iterator[None]:
    """Let Ctrl-backslash take the way of Ctrl-C: by its own it would leave the file, and a core with the same in it."""
    before = signal.signal(signal.SIGQUIT, signal.getsignal(signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGQUIT, before)


def _edited(file: ScratchFile, before: bytes, arguments: argparse.Namespace) -> tuple[bytes, tuple[Finding, ...]]:
    """Return what was saved, once it has no errors; raise InvalidError if nobody mends them."""
    while True:
        editor.edit(file.path)
        data = file.read()
        if data == before:
            return data, ()
        try:
            return data, approve(data, _NAME)
        except InvalidError as fault:
            if arguments.format != "text" or not console.is_possible():
                raise
            explain_fault(fault)
            if not console.is_yes("edit it again?", default=True):
                raise InvalidError("nothing was put, and the edited file is gone") from None
