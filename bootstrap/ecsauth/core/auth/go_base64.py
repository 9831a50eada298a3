"""Base64 exactly as Go's `base64.StdEncoding.DecodeString` takes it (encoding/base64, base64.go)."""

from __future__ import annotations

import binascii
import re
from typing import Optional

_STANDARD = "[A-Za-z0-9+/]*={0,2}"


def decode(text: str) -> Optional[bytes]:
    """Return the bytes, or None where Go reports corrupt input.

    CR and LF are skipped wherever they stand, padding is required and nothing may follow it, bits left over in the
    last letter may be anything; white space, url-safe letters and everything else are refused.
    """
    letters = text.replace("\r", "").replace("\n", "")
    if len(letters) % 4 or not re.fullmatch(_STANDARD, letters):
        return None
    return binascii.a2b_base64(letters)
