"""A secret shows nowhere, and is compared as the text that it is."""

from __future__ import annotations

import copy
import importlib
import inspect
import json
import pickle
import pkgutil
import traceback
from typing import Callable

import ecsauth
import pytest
from ecsauth.registry.credential import Credential
from ecsauth.secret import Secret, SecretBytes

TEXT = "hunter2"
SECRET = Secret(TEXT)


@pytest.mark.parametrize(
    "show",
    [
        pytest.param(str, id="str"),
        pytest.param(repr, id="repr"),
        pytest.param(ascii, id="ascii"),
        pytest.param(lambda secret: f"{secret}", id="f-string"),
        pytest.param(lambda secret: f"{secret!r}", id="f-string with !r"),
        pytest.param(lambda secret: f"{secret:>20}", id="f-string with a width"),
        pytest.param("{0}".format, id="str.format"),
        pytest.param(lambda secret: "%s %r" % (secret, secret), id="percent"),  # noqa: UP031 - one of the ways
        pytest.param(lambda secret: str([secret, {"password": secret}]), id="in containers"),
        pytest.param(lambda secret: str(Credential(username="u", password=secret)), id="in a named tuple"),
        pytest.param(lambda secret: str(ValueError(secret)), id="in an exception"),
        pytest.param(lambda secret: json.dumps(secret, default=str), id="JSON that shows what it can"),
    ],
)
def test_shows_as_stars(show: Callable[[Secret], str]) -> None:
    """Whatever makes a text of it makes `***`."""
    shown = show(SECRET)
    assert "***" in shown
    assert TEXT not in shown


def test_width_applies_to_the_stars() -> None:
    """The length of the text does not show either."""
    assert f"{SECRET:5}|" == "***  |"


def test_traceback_shows_stars() -> None:
    """A traceback that shows variables shows stars."""
    try:
        raise KeyError(SECRET)
    except KeyError as fault:
        shown = "".join(traceback.TracebackException.from_exception(fault, capture_locals=True).format())
    assert "***" in shown
    assert TEXT not in shown


@pytest.mark.parametrize(
    "give_away",
    [
        pytest.param(pickle.dumps, id="pickle"),
        pytest.param(copy.copy, id="copy"),
        pytest.param(copy.deepcopy, id="deep copy"),
        pytest.param(json.dumps, id="JSON"),
        pytest.param(vars, id="vars"),
        pytest.param(len, id="len"),
        pytest.param(list, id="iteration"),
    ],
)
def test_does_not_leave_the_process(give_away: Callable[[Secret], object]) -> None:
    """What would take it apart or write it elsewhere fails, without showing it."""
    with pytest.raises(TypeError) as raised:
        give_away(SECRET)
    assert TEXT not in str(raised.value)


def test_reveal_gives_the_text() -> None:
    """One way, easy to search for, gives the text."""
    assert SECRET.reveal() == TEXT


def test_equals_by_text() -> None:
    """Two secrets are equal when their texts are, and none equals a bare text."""
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


@pytest.mark.parametrize(("text", "answer"), [("", False), ("0", True), (" ", True)])
def test_truth_is_that_of_the_text(text: str, answer: bool) -> None:
    """An empty secret is false, so that `or` works as with texts."""
    assert bool(Secret(text)) is answer


def _records() -> list[type]:
    """Return all named tuples of the package."""
    names = [module.name for module in pkgutil.walk_packages(ecsauth.__path__, "ecsauth.")]
    modules = [importlib.import_module(name) for name in names if name != "ecsauth.__main__"]
    classes = [one for module in modules for _, one in inspect.getmembers(module, inspect.isclass)]
    # What the boot archive is made of is the program itself: nothing of it is secret.
    names = [name for name in names if not name.startswith("ecsauth.pack.")]
    return sorted({one for one in classes if hasattr(one, "_fields") and one.__module__ in names}, key=str)


def _filled(annotation: str) -> object:
    """Return the secret for a field that may hold one, None for any other."""
    if "bytes" in annotation.lower():
        return SecretBytes(TEXT.encode()) if "SecretBytes" in annotation else TEXT.encode()
    secret = SECRET if "Secret" in annotation else None
    return {"NAME": secret} if "dict[" in annotation else secret


# What programs wrote: their words are read in many places, as texts, and are masked before one is shown.
WORDS = {"Ended": ("out", "err"), "RegistryAnswer": ("headers", "body")}


@pytest.mark.parametrize("record", _records(), ids=lambda record: f"{record.__module__}.{record.__name__}")
def test_no_record_shows_what_it_holds(record: type) -> None:
    """Whatever is made of a named tuple with bytes or a secret in it, by whoever adds one, shows neither."""
    words = WORDS.get(record.__name__, ())
    fields = {
        name: TEXT if name in words else _filled(getattr(hint, "__forward_arg__", str(hint)))
        for name, hint in record.__annotations__.items()
    }
    assert TEXT not in repr(record(**fields))


@pytest.mark.parametrize("show", [str, repr, ascii, "{}".format, "{!r}".format, "%s".__mod__])
def test_bytes_show_as_stars(show: Callable[[object], str]) -> None:
    """Whatever makes a text of the bytes of an env-file makes `***`."""
    assert show((SecretBytes(TEXT.encode()),)[0]) == "***"


def test_bytes_are_bytes() -> None:
    """They are compared, split and written as any others."""
    secret = SecretBytes(TEXT.encode())
    assert secret == TEXT.encode()
    assert hash(secret) == hash(TEXT.encode())
    assert bytes(secret).decode() == secret.decode() == TEXT
