"""The problems that the agent can have with the two variables of the registry credentials.

A problem never has content of the data: no value, no unknown field name, no key that may have a password.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Optional


class ProblemKind(Enum):
    """One member for each cause that has its own consequence and fix; sorted, the most serious first."""

    # The type: nothing is read. The columns of these five count in the value of the type.
    TYPE_MISSING = "type-missing"  # data without a type; detail: the type that the data looks like, if that is clear
    TYPE_IS_DATA = "type-is-data"  # the data is in the variable of the type, and the agent logs it
    TYPE_MISSPELT = "type-misspelt"  # quoted, in capitals, with a comment...; detail: the intended type
    TYPE_UNKNOWN = "type-unknown"  # detail: the type that the data looks like, if that is clear
    DATA_MISSING = "data-missing"  # a type without data

    # The document is not JSON for Go: everything is dropped.
    JSON_EMPTY = "json-empty"  # white space only
    JSON_BOM = "json-bom"
    SHELL_QUOTED = "shell-quoted"  # quotes around the whole document
    SHELL_ESCAPED = "shell-escaped"  # {\"...
    JSON_SINGLE_QUOTED = "json-single-quoted"
    JSON_SMART_QUOTED = "json-smart-quoted"
    JSON_UNQUOTED = "json-unquoted"  # names or values without quotes: removed by a shell, or YAML
    JSON_COMMENT = "json-comment"
    JSON_WORD = "json-word"  # True, None, NaN...; a misspelt literal
    JSON_NUMBER = "json-number"
    JSON_CONTROL = "json-control"  # a raw TAB, line break or other control character inside a string
    JSON_ESCAPE = "json-escape"  # an escape that JSON does not have
    JSON_INNER_QUOTE = "json-inner-quote"  # text right after a string: a quote inside it that is not escaped
    JSON_WHITE_SPACE = "json-white-space"  # no-break space and others that only look like white space
    JSON_TRAILING_COMMA = "json-trailing-comma"
    JSON_MISSING_COMMA = "json-missing-comma"
    JSON_TRAILING = "json-trailing"  # text after the document; detail: comment, if it begins like one
    JSON_TRUNCATED = "json-truncated"  # also a document over several lines: the env-file's value is only the first
    JSON_DEPTH = "json-depth"
    NOT_JSON = "not-json"  # another notation
    JSON_SYNTAX = "json-syntax"  # none of the above

    # The document is JSON of another structure: everything is dropped, or nothing is found in it.
    CREDS_STORE = "creds-store"  # docker's config.json names a credential helper; detail: credsStore or credHelpers
    AUTHS_WRAPPER = (
        "auths-wrapper"  # a whole docker config.json or Kubernetes dockerconfigjson; detail: the type inside
    )
    CONFIG_FILE_FIELD = "config-file-field"  # another setting of config.json beside registries; detail: its name
    REGISTRY_KEY_MISSING = "registry-key-missing"  # fields without a registry around them; detail: the field
    DOCUMENT_NOT_OBJECT = "document-not-object"  # detail: the JSON kind
    REGISTRY_NOT_OBJECT = "registry-not-object"  # detail: the JSON kind
    FIELD_NOT_STRING = "field-not-string"  # detail: the field
    DOCUMENT_EMPTY = "document-empty"  # null or {}
    TYPE_MISMATCH = "type-mismatch"  # every entry is written in the other format; detail: the type to set

    # An entry is dropped, or sent empty.
    FORMAT_MIXED = "format-mixed"  # one entry among others is written in the other format; detail: that format
    AUTH_PLAIN_TEXT = "auth-plain-text"  # user:password, not encoded
    AUTH_BASIC_PREFIX = "auth-basic-prefix"  # "Basic ..."
    AUTH_URLSAFE = "auth-urlsafe"  # the URL-safe alphabet of base64
    AUTH_WHITE_SPACE = "auth-white-space"
    AUTH_PADDING = "auth-padding"  # "=" missing or too many, or a value that was cut
    AUTH_NOT_BASE64 = "auth-not-base64"  # detail: what it is, if that is clear
    AUTH_DOUBLE_ENCODED = "auth-double-encoded"
    AUTH_EXAMPLE = "auth-example"  # the placeholder of the AWS page
    AUTH_NO_COLON = "auth-no-colon"
    AUTH_EMPTY = "auth-empty"
    AUTH_MISSING = "auth-missing"  # as in a config.json whose credentials are in a credential helper
    ENTRY_EMPTY = "entry-empty"  # docker: no user name, password or token

    # An entry is never looked up.
    HUB_KEY_NEVER_USED = "hub-key-never-used"
    KEY_EMPTY = "key-empty"
    KEY_HAS_USERINFO = "key-has-userinfo"  # user@ or user:password@ in the key, which the agent also logs
    KEY_UPPERCASE_SCHEME = "key-uppercase-scheme"
    KEY_BAD_SCHEME = "key-bad-scheme"  # ftp://, oci://, two schemes, one slash...
    KEY_WHITE_SPACE = "key-white-space"  # also invisible characters
    KEY_WILDCARD = "key-wildcard"
    KEY_NOT_A_HOST = "key-not-a-host"  # no dot, no port, not localhost: a Docker Hub user to the agent
    KEY_INVALID = "key-invalid"  # no image name can have this host
    KEY_SHADOWED = "key-shadowed"  # the same host with a trailing slash always wins
    API_PATH_NEVER_USED = "api-path-never-used"  # host/v1/ or host/v2/ beside host
    KEY_PATH_INVALID = "key-path-invalid"  # no image name can begin with this path
    KEY_UPPERCASE_HOST = "key-uppercase-host"  # only images written in the same capitals

    # Go's map order decides at each start.
    KEY_COLLISION = "key-collision"  # several keys are one registry once the scheme is cut
    PATH_KEYS_RANDOM = "path-keys-random"  # several keys of a host, none of them the bare host

    # The agent reads something else than was written.
    KEY_DUPLICATE = "key-duplicate"  # the last one replaces the first entirely
    FIELD_MISSPELT = "field-misspelt"  # detail: the intended field
    FIELD_DUPLICATE = "field-duplicate"  # detail: the field; the last value wins
    TEXT_REPLACED = "text-replaced"  # not UTF-8, or half a surrogate pair: the agent reads U+FFFD instead
    AUTH_NOT_UTF8 = "auth-not-utf8"  # decoded bytes that are not UTF-8 reach docker as U+FFFD
    USERNAME_EMPTY = "username-empty"
    PASSWORD_EMPTY = "password-empty"  # noqa: S105 - a code, not a password
    USERNAME_COLON = "username-colon"  # Basic authentication cannot carry it
    LINE_BREAK = "line-break"  # in a user name or password, as `echo` leaves it; detail: the field
    NUL_CHARACTER = "nul-character"  # in a user name or password, as UTF-16 leaves it; detail: the field
    IDENTITY_TOKEN = "identity-token"  # noqa: S105 - a code; detail: identitytoken or registrytoken
    TOKEN_IGNORED = "token-ignored"  # noqa: S105 - a code; dockercfg drops it; detail: the field
    EXPIRING_LOGIN = "expiring-login"  # the user name of a cloud's short-lived token
    PLACEHOLDER = "placeholder"  # the whole value is a placeholder, as ${PASSWORD}; detail: the field

    # Works, but not as it seems.
    PATH_KEY_SERVES_HOST = "path-key-serves-host"  # the only key of its host serves images outside its path too
    PATH_PREFIX_NO_BOUNDARY = "path-prefix-no-boundary"  # reg/team also matches reg/teamwork
    KEY_API_PATH = "key-api-path"  # host/v1/, host/v2/ or host/ works as long as it is the only key of its host
    KEY_REDUNDANT = "key-redundant"  # two spellings of one registry with the same credentials
    FIELD_IGNORED = "field-ignored"  # detail: the field, None for a name that neither format has


class Problem(NamedTuple):
    """One problem with the data.

    `column` counts characters from 1 in the data; for the TYPE_ kinds before DATA_MISSING, in the value of the type. It
    may be one past the end if something is missing there. `registry` is the key concerned, None for the whole document
    and for a key that may have a password. `detail` is safe to show: a name from a fixed list.
    """

    kind: ProblemKind
    column: int = 1
    registry: Optional[str] = None
    detail: Optional[str] = None


_RANK = {kind: rank for rank, kind in enumerate(ProblemKind)}


def best_first(problems: list[Problem]) -> tuple[Problem, ...]:
    """Sort the problems by how serious they are, then by place."""
    return tuple(sorted(problems, key=lambda problem: (_RANK[problem.kind], problem.column)))
