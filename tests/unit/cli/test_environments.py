"""What `ecsauth.toml` may say, and how each thing that it may not say is refused."""

from __future__ import annotations

import pytest
from ecsauth.aws_names import S3URI
from ecsauth.cli import environments
from ecsauth.cli.environments import Environment
from ecsauth.errors import UsageError

FILE = "/team/ecsauth.toml"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SECRET = "hunter2"
PROD = "[env.prod]\n"
URI = 'uri = "s3://fleet/prod/ecs.config"\n'


def test_all_keys() -> None:
    """An entry has an S3 URI and up to four options."""
    text = f'{PROD}{URI}kms_key = "{KEY}"\nbucket_owner = "111122223333"\nregion = "eu-west-1"\nprofile = "ops team"\n'
    prod = Environment("prod", S3URI("fleet", "prod/ecs.config"), KEY, "111122223333", "eu-west-1", "ops team", FILE)
    assert environments.parse(text.encode(), FILE) == {"prod": prod}
    assert prod.entry() == text


def test_order_is_that_of_the_file() -> None:
    """Several environments keep their order, and what an entry does not say is None."""
    found = environments.parse(f"[env.stage]\n{URI}[env.prod]\n{URI}[env.a-2_B]\n{URI}".encode(), FILE)
    assert list(found) == ["stage", "prod", "a-2_B"]
    assert found["stage"].values() == {"uri": "s3://fleet/prod/ecs.config"}


def test_a_file_may_be_empty() -> None:
    """A file without a table has no environments."""
    assert environments.parse(b"# nothing yet\n", FILE) == {}


def test_the_example_is_valid() -> None:
    """The example that `env` shows is read as it is."""
    assert environments.parse(environments.EXAMPLE.encode(), FILE)["prod"].entry() == environments.EXAMPLE


@pytest.mark.parametrize("key", ['a"b', "a\\b", "ä/ö", "a'b # c"])
def test_entry_of_a_strange_key(key: str) -> None:
    """Each key that an S3 URI can have survives in an entry."""
    environment = Environment("prod", S3URI("fleet", key), source=FILE)
    assert environments.parse(environment.entry().encode(), FILE) == {"prod": environment}


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        pytest.param(
            f"{PROD}{URI}kms_keys = '{SECRET}'",
            "3: unknown key kms_keys in [env.prod]",
            "did you mean kms_key?",
            id="misspelt key",
        ),
        pytest.param(
            f'{PROD}{URI}\n"{SECRET}" = 1',
            "4: unknown key in [env.prod]",
            "the keys are uri, kms_key",
            id="strange key",
        ),
        pytest.param(
            f"{PROD}{URI}[env.prod.more]\nx = 1",
            "3: unknown key more in [env.prod]",
            "the keys are",
            id="table in an entry",
        ),
        pytest.param(
            f"{PROD}{URI}[envs.stage]\n{URI}", "3: unknown table or key envs,", "[env.NAME]", id="unknown table"
        ),
        pytest.param(f"uri = '{SECRET}'\n", "1: unknown table or key uri,", "[env.NAME]", id="key above all tables"),
        pytest.param(
            f"[env]\n{URI}", "2: the key uri is directly below [env]", "[env.NAME]", id="table without a name"
        ),
        pytest.param(f"env = '{SECRET}'", "1: env is not a table", "[env.NAME]", id="text as table"),
        pytest.param(f"[[env]]\n{URI}", "1: env is not a table", "[env.NAME]", id="array of tables"),
        pytest.param(
            f"[[env.prod]]\n{URI}", "1: the key prod is directly below [env]", "[env.NAME]", id="array of entries"
        ),
        pytest.param(
            f"[env.'{SECRET}.x']\n{URI}",
            "1: this is not a valid name of an environment",
            "letters, digits",
            id="name with a point",
        ),
        pytest.param(
            f"[env.-x]\n{URI}",
            "1: this is not a valid name of an environment",
            "letters, digits",
            id="name like an option",
        ),
        pytest.param(
            f"[env.'']\n{URI}", "1: this is not a valid name of an environment", "letters, digits", id="empty name"
        ),
        pytest.param(
            f"[env.{'x' * 65}]\n{URI}", "1: this is not a valid name of an environment", "at most 64", id="long name"
        ),
        pytest.param(f"\n{PROD}region = 'eu-west-1'", "2: [env.prod] has no uri", "add uri", id="no URI"),
        pytest.param("\nenv.prod.region = 'eu-west-1'", "2: [env.prod] has no uri", "add uri", id="no URI, dotted"),
        pytest.param(
            f"{PROD}uri = 7", "2: uri of [env.prod] is not a text in quotes", 'write uri = "VALUE"', id="number"
        ),
        pytest.param(
            f"{PROD}{URI}bucket_owner = 111122223333",
            "3: bucket_owner of [env.prod] is not a text",
            "bucket_owner =",
            id="account as number",
        ),
        pytest.param(
            f"{PROD}{URI}kms_key = ['{KEY}']", "3: kms_key of [env.prod] is not a text", "kms_key =", id="list of keys"
        ),
        pytest.param(
            f"{PROD}uri = '{SECRET}'",
            "2: uri of [env.prod] is not valid: this is not an S3 URI",
            "s3://bucket/key",
            id="no S3 URI",
        ),
        pytest.param(
            f"{PROD}uri = 's3://u:{SECRET}@fleet/k'",
            "2: uri of [env.prod] is not valid: ",
            "s3://bucket/key",
            id="user information",
        ),
        pytest.param(
            f"{PROD}uri = 's3://fleet/k?versionId={SECRET}'",
            "2: uri of [env.prod] is not valid: ",
            "without ?",
            id="version",
        ),
        pytest.param(
            f"{PROD}uri = 's3://fleet/k?token={SECRET}'", "2: uri of [env.prod] is not valid: ", "without ?", id="query"
        ),
        pytest.param(
            f"{PROD}uri = 'https://fleet/k'",
            "2: uri of [env.prod] is not valid: ",
            "s3://bucket/key",
            id="other scheme",
        ),
        pytest.param(
            f"{PROD}uri = 'arn:aws:s3:::fleet/k'",
            "2: uri of [env.prod] is not valid: an ARN",
            "s3://bucket/key",
            id="ARN",
        ),
        pytest.param(
            f"{PROD}{URI}kms_key = 'alias/{SECRET}'",
            "3: kms_key of [env.prod] is not valid: ",
            "describe-key",
            id="alias",
        ),
        pytest.param(f"{PROD}{URI}kms_key = '{SECRET}'", "3: kms_key of [env.prod] is not valid: ", "", id="no key"),
        pytest.param(
            f"{PROD}{URI}bucket_owner = '{SECRET}'", "3: bucket_owner of [env.prod] is not valid: ", "", id="no account"
        ),
        pytest.param(f"{PROD}{URI}region = '{SECRET}'", "3: region of [env.prod] is not valid: ", "", id="no region"),
        pytest.param(f"{PROD}{URI}profile = ''", "3: profile of [env.prod] is not valid: ", "", id="empty profile"),
        pytest.param(
            f"{PROD}{URI}profile = '-{SECRET}'",
            "3: profile of [env.prod] is not valid: ",
            "",
            id="profile like an option",
        ),
        pytest.param(
            f'{PROD}{URI}profile = "{SECRET}\\u001b"',
            "3: profile of [env.prod] is not valid: ",
            "",
            id="control character",
        ),
        pytest.param(
            f"{PROD}{URI}{PROD}{URI}", "3: a key or a table is here for the second time", "keep one", id="entry twice"
        ),
        pytest.param(
            f"{PROD}{URI}{URI}", "3: a key or a table is here for the second time", "keep one", id="key twice"
        ),
        pytest.param(
            f"[env.{SECRET}]\n[env.{SECRET}]",
            "2: a key or a table is here for the second time",
            "keep one",
            id="name twice",
        ),
        pytest.param(f"{PROD}uri = {SECRET}", "2: this is not TOML", "quote", id="no quotes"),
        pytest.param(f'{PROD}uri = "{SECRET}\nregion = "x"', "2: this is not TOML", "quote", id="open quote"),
        pytest.param(f"{PROD}{URI}{SECRET}", "3: this is not TOML", "KEY", id="word alone"),
        pytest.param(f"{PROD}{URI}{SECRET} ", "3: this is not TOML", "KEY", id="word and the end"),
        pytest.param(f"{PROD}{URI}x = [\n'{SECRET}'\n", "4: this is not TOML", "KEY", id="open array"),
        pytest.param("x = 2024-13-45\n", "1: this is not TOML", "KEY", id="no date"),
        pytest.param(f"{PROD}{URI}\0", "3: this is not TOML", "KEY", id="NUL"),
    ],
)
def test_refused(text: str, said: str, hint: str) -> None:
    """A message names file, line and key, a hint says what to write, and nothing quotes the file."""
    with pytest.raises(UsageError) as raised:
        environments.parse(text.encode(), FILE)
    shown = "\n".join((raised.value.message, *raised.value.hints))
    assert raised.value.message.startswith(f"{FILE}:{said}")
    assert hint in "\n".join(raised.value.hints)
    assert SECRET not in shown
    assert shown.replace("\n", "").isprintable()


def test_not_utf_8() -> None:
    """A file in another encoding is refused with the line."""
    with pytest.raises(UsageError, match=f"{FILE}:2: this is not UTF-8"):
        environments.parse(b"# a\n# \xe4\n", FILE)


def test_nested_too_deeply() -> None:
    """A file that is made to exhaust the parser is refused."""
    with pytest.raises(UsageError):
        environments.parse(b"x = " + 20_000 * b"[", FILE)
