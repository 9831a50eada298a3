"""White space as Go's strings.TrimSpace and unicode.IsSpace know it."""

from __future__ import annotations

# Go unicode/graphic.go and the table White_Space. Python's str.isspace() also takes U+001C to U+001F for space.
GO_SPACE = (
    "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
