"""The user's editor, at the user's terminal."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from typing import TYPE_CHECKING, Any

from ecsauth.core.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a key sends to everybody at the terminal: it is meant for the editor.
_KEYS = (signal.SIGINT, signal.SIGQUIT)
_PATIENCE_S = 2.0
# What asks for a shell, which a Ctrl-C would kill in front of the editor.
_FOR_A_SHELL = frozenset("|&;<>()$`\\*?[#~=%\n")
# What the shell says where there is no such command.
_ABSENT = (126, 127)
_VARIABLES = "see the variables VISUAL and EDITOR"


def edit(path: str) -> None:
    """Let the user edit a file with $VISUAL, else $EDITOR, else vi; raise LocalError if the editor fails.

    The variable is a command line, as git takes it. A signal for this process alone ends the editor, too.
    """
    editor = next((text for text in map(os.environ.get, ("VISUAL", "EDITOR")) if text and text.strip()), "vi")
    with _keys_for_the_editor():
        try:
            child = subprocess.Popen(_command(editor, path))
        except (OSError, ValueError) as fault:
            reason = os.strerror(fault.errno or 0).lower() if isinstance(fault, OSError) else "its quotes do not match"
            raise LocalError(f"the editor cannot be started: {reason}", _VARIABLES) from None
        try:
            status = child.wait()
        except BaseException:
            _end(child)
            raise
    if status in _ABSENT:
        raise LocalError("the editor cannot be started", _VARIABLES)
    if status:
        raise LocalError(f"the editor ended with status {status}: nothing was put")


def _command(editor: str, path: str) -> list[str]:
    if _FOR_A_SHELL.isdisjoint(editor):
        return [*shlex.split(editor), path]
    return ["/bin/sh", "-c", f'{editor} "$@"', "editor", path]


@contextlib.contextmanager
def _keys_for_the_editor() -> Iterator[None]:
    """Let Ctrl-C be the editor's; a handler, for what is ignored here would be ignored by the editor, too."""

    def leave(_number: int, _frame: Any) -> None:
        pass

    before = {number: signal.signal(number, leave) for number in _KEYS}
    try:
        yield
    finally:
        for number, handler in before.items():
            # Who has interrupted us meanwhile has said that nothing counts any more.
            if signal.getsignal(number) is leave:
                signal.signal(number, handler)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
