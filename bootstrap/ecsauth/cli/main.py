"""The `ecsauth` command: arguments in, exit status out."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Optional

from ecsauth import archive
from ecsauth.cli import console, options, process
from ecsauth.cli.parser import make_parser
from ecsauth.errors import EcsauthError, ExitCode, LaunchError, LocalError, UsageError, of_system

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run one command; return its exit status (argparse itself exits with 2)."""
    _have_streams()
    _leave_garbage()
    with process.forgiving():
        return _main(argv)


def _main(argv: Optional[Sequence[str]]) -> int:
    try:
        with process.watched():
            return _run(argv)
    except EcsauthError as fault:
        # A fault of standard output, if it is written before or after the command itself, as help is.
        return _report(fault, "text")
    except KeyboardInterrupt as interrupt:
        number = next(iter(interrupt.args), signal.SIGINT)
        console.say(f"error: interrupted by {signal.Signals(number).name}")
        return 128 + int(number)
    except Exception as trouble:  # noqa: BLE001 - the one boundary: an exception's text may hold a secret
        if isinstance(trouble, BrokenPipeError) and process.has_no_reader(trouble):
            process.give_up(sys.stdout)
            return 128 + int(signal.SIGPIPE)
        return _at_the_boundary(trouble)


def _at_the_boundary(trouble: Exception) -> int:
    try:
        return _refused(trouble, "text")
    except Exception as bug:  # noqa: BLE001 - as above
        console.say(f"error: this is a bug in ecsauth: {_where(bug)}")
        console.say("hint: please report this line; it contains no value of your file")
        return ExitCode.BUG


def _run(argv: Optional[Sequence[str]]) -> int:
    arguments = make_parser().parse_args(argv)
    try:
        process.stop()
        process.catch()
        if options.may_name_environment(arguments) and not archive.is_running():
            from ecsauth.cli import environment_names  # for such a word only, and not in the boot archive

            environment_names.resolve(arguments)
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except EcsauthError as fault:
        from ecsauth.cli import hints  # for a fault only: help and check are there at once

        fault.hints = hints.all_completed(fault.hints, hints.known(arguments))
        return _report(fault, arguments.format)
    except ModuleNotFoundError as lack:
        if not archive.is_running():
            return _refused(lack, arguments.format)
        return _report(UsageError(archive.lack(lack.name or "a module"), archive.HINT), arguments.format)
    except (OSError, MemoryError, RuntimeError, ImportError) as trouble:
        if isinstance(trouble, BrokenPipeError) and process.has_no_reader(trouble):
            raise
        return _refused(trouble, arguments.format)
    return status


def _refused(trouble: Exception, style: str) -> int:
    """Report an error of the system that no module has translated; raise any other exception, which is a bug."""
    refusal = of_system(trouble, _places(trouble))
    if refusal is None:
        raise trouble
    return _report(refusal, style)


def _have_streams() -> None:
    """Replace a standard stream that was closed at the start, as by `2>&-`, so that writing to it does not fail."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - stays open as long as the program runs
            setattr(sys, name, stream)


def _leave_garbage() -> None:
    """Disable garbage collection, also at the exit of the interpreter.

    The objects of a command, above all the SDK's models, live as long as the command. Garbage collection would take a
    fifth of the time of a short run.
    """
    gc.disable()
    atexit.register(gc.freeze)


def _report(fault: EcsauthError, style: str) -> int:
    _explain(fault)
    if style == "json":
        log = {"log": fault.log} if isinstance(fault, LaunchError) and fault.log else {}
        said = {"outcome": "failed", "status": fault.exit_code, "error": fault.message, "hints": fault.hints}
        _show_fault({**said, **log})
    return fault.exit_code


def _explain(fault: EcsauthError) -> None:
    from ecsauth.cli.findings import explain_fault  # for a fault only, as above

    explain_fault(fault)


def _show_fault(document: dict[str, Any]) -> None:
    """Write a fault as JSON for programs. If that fails, too, the exit status is still that of the first fault."""
    try:
        console.show(document)
        sys.stdout.flush()
    except LocalError as second:
        _explain(second)
    except BrokenPipeError:
        process.give_up(sys.stdout)


def _where(bug: Exception) -> str:
    """Return the exception's type and its stack, never its text."""
    return f"{type(bug).__name__} at {_places(bug)}"


def _places(bug: Exception) -> str:
    places, trace = [], bug.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        # The code in the boot archive has no file names, and only the first line number of each function; some Pythons
        # then give -1 as the line.
        file = trace.tb_frame.f_globals.get("__file__") or code.co_filename
        places.append(f"{os.path.basename(file)}:{max(trace.tb_lineno or 0, 0) or code.co_firstlineno}")
        trace = trace.tb_next
    return " < ".join(reversed(places[-5:]))
