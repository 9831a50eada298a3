"""Modules of packages that are put in place of their own: those that cost time at each start, and do nothing for boot.

What is left out is said in the manifest. A package that comes to need more of one of them is refused when it is packed.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_DOCSTRINGS = "botocore/docs/docstring.py"
# The package itself imports all that writes the documentation of services.
_EMPTY = ("botocore/docs/__init__.py", "urllib3/http2/__init__.py")
# Of botocore.docs only what else is imported from outside of it.
LEFT_OUT = re.compile(r"botocore/docs/(?!__init__\.py|docstring\.py|utils\.py)")
_HEAD = '''\
"""In the boot archive nobody reads the help of a client's methods."""


class LazyLoadedDocstring(str):
    def __new__(cls, *arguments, **named):
        return super().__new__(cls)

    def __init__(self, *arguments, **named):
        super().__init__()


'''


def made(modules: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the stand-ins for some of a package's modules, by path; raise ValueError where they would not do."""
    found = {name: b"" for name in _EMPTY if name in modules}
    if _DOCSTRINGS in modules:
        classes = [one for one in ast.parse(modules[_DOCSTRINGS]).body if isinstance(one, ast.ClassDef)]
        names = [one.name for one in classes if one.name != "LazyLoadedDocstring"]
        text = "".join(f"class {name}(LazyLoadedDocstring):\n    pass\n\n\n" for name in names)
        found[_DOCSTRINGS] = (_HEAD + text.rstrip() + "\n").encode()
    for name, content in modules.items():
        wanted = set(re.findall(rb"^\s*(?:from|import) botocore\.docs\.(\w+)", content, re.MULTILINE))
        if not name.startswith("botocore/docs/") and wanted - {b"docstring", b"utils"}:
            raise ValueError(f"{name} imports more of botocore.docs than is packed")
    return found
