"""What a script leaves of a value that it writes without quotes, as user data often does with echo."""

from __future__ import annotations

import re

_DOUBLED = r'[{\[]\s*\\\\"'


def wrote(name: str, value: str) -> bool:
    """Tell whether a value that is no JSON has the marks of a shell.

    The name stands in it again (bash(1), Brace Expansion: `N={"a":1,"b":2}` becomes `N=a:1 N=b:2`), all quotes are
    gone, or their backslashes are doubled.
    """
    if re.search(rf"\s{re.escape(name)}=", value):
        return True
    return _has_lost_its_quotes(value) or re.match(_DOUBLED, value) is not None


def _has_lost_its_quotes(value: str) -> bool:
    """Tell whether quotes were removed (bash(1), Quote Removal); YAML has white space behind its colons."""
    is_document = value[:1] in ("{", "[") and value[-1:] in ("}", "]")
    if not is_document or '"' in value or "'" in value:
        return False
    return re.search(r":\s", value) is None and re.search("[A-Za-z]", value) is not None
