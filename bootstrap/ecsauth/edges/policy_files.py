"""The files of `iam/`: beside the package in a source checkout, inside it where it was installed."""

from __future__ import annotations

import os

import ecsauth
from ecsauth.core.errors import LocalError

_FOLDER = "iam"


def read(name: str) -> str:
    """Return the text of a file; raise LocalError where the program came without them."""
    package = os.path.dirname(os.path.abspath(ecsauth.__file__))
    for folder in (package, os.path.dirname(os.path.dirname(package))):
        try:
            with open(os.path.join(folder, _FOLDER, name), encoding="utf-8") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError):
            break
    raise LocalError(
        f"{name} is not there, or cannot be read: this program came without its policies",
        "use an installed ecsauth, or a clone of its repository",
    )
