"""`ecsauth edit`: edit the env-file in S3, validate it, and put it unless the object has changed meanwhile."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

from ecsauth.check import approve
from ecsauth.cli import console, options, progress, publish
from ecsauth.cli.findings import explain_fault
from ecsauth.errors import InvalidError
from ecsauth.host import editor
from ecsauth.host.editor import remove_leftovers, scratch_file
from ecsauth.publish import edit
from ecsauth.publish.review import NewContent

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ecsauth.cli.options import Parser
    from ecsauth.host.editor import ScratchFile

# The file name, for editors that choose their mode by it.
_NAME = "ecs.config"


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    options.add_uri(parser)
    publish.add_arguments(parser, "the key of the current version")
    options.add_aws(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Edit and push; raise an EcsauthError with nothing put, and nothing left on this machine in any case."""
    for folder in remove_leftovers():
        console.warn(f"removed {folder}: a killed edit had left the env-file there")
    publish.refuse_version(arguments)
    request = publish.request(arguments)
    may_edit_again = arguments.format == "text" and console.is_possible()
    with progress.waiting(f"editing {request.uri}"):
        services = publish.services(arguments)
        report = edit(lambda content: _edited(content, may_edit_again=may_edit_again), request, services)
    return publish.finish(report, request, arguments.format)


def _edited(before: bytes, *, may_edit_again: bool) -> NewContent:
    """Return the saved file once it has no errors; raise InvalidError if the user does not fix them."""
    with progress.paused(), _quitting_is_an_interrupt(), scratch_file(_NAME, before) as file:
        if not file.is_in_memory:
            console.warn("no directory in memory is available: during the edit the file is on the disk, mode 0600")
        return _saved(file, before, may_edit_again=may_edit_again)


@contextlib.contextmanager
def _quitting_is_an_interrupt() -> Iterator[None]:
    """Let Ctrl-backslash act as Ctrl-C. By default it would leave the file, and a core dump with its content."""
    before = signal.signal(signal.SIGQUIT, signal.getsignal(signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGQUIT, before)


def _saved(file: ScratchFile, before: bytes, *, may_edit_again: bool) -> NewContent:
    while True:
        editor.edit(file.path)
        data = file.read()
        if data == before:
            return NewContent(data, _NAME)
        try:
            return NewContent(data, _NAME, approve(data, _NAME))
        except InvalidError as fault:
            if not may_edit_again:
                raise
            explain_fault(fault)
            if not console.is_yes("edit it again?", default=True):
                raise InvalidError("nothing was uploaded, and the edited file was deleted") from None
