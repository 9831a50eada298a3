"""What a boot archive gets of the sources, made once for many builds: to parse them is most of the work of a build."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING
from unittest import mock

from ecsauth.pack import contents

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def parsed_once() -> Iterator[None]:
    """Keep what each text of a module has become, and what it imports, in this process."""
    with contextlib.ExitStack() as stack:
        for name in ("stripped", "imports"):
            once = functools.lru_cache(maxsize=None)(getattr(contents, name))
            stack.enter_context(mock.patch.object(contents, name, once))
        yield
