"""The name of an environment in place of an S3 URI: which words are names, what they stand for, and what wins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ecsauth.aws_names import S3URI
from ecsauth.cli import environment_names, options
from ecsauth.cli.options import EnvironmentURI
from ecsauth.cli.parser import make_parser
from ecsauth.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER = KEY.replace("1234abcd", "9999abcd")
URI = S3URI("fleet", "prod/ecs.config")
PINS = {"kms_key": KEY, "bucket_owner": "111122223333", "region": "eu-west-1", "profile": "ops"}
PROD = "".join(f'{key} = "{value}"\n' for key, value in {"uri": str(URI), **PINS}.items())
FILE = f'[env.prod]\n{PROD}\n[env.stage]\nuri = "s3://other/stage.config"\n'
EXPORT = ("export", "secretsmanager", "prod", "--registry=r.io")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with an ecsauth.toml."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ECSAUTH_CONFIG", raising=False)
    (tmp_path / "ecsauth.toml").write_text(FILE)
    return tmp_path


def resolved(*argv: str) -> argparse.Namespace:
    """Return the arguments as the command gets them."""
    arguments = make_parser().parse_args(argv)
    if options.may_name_environment(arguments):
        environment_names.resolve(arguments)
    return arguments


def _values(arguments: argparse.Namespace, *names: str) -> list[Any]:
    return [getattr(arguments, name, None) for name in names]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (("push", "ecs.config", "prod"), (URI, KEY, "111122223333", "eu-west-1", "ops")),
        (("edit", "prod"), (URI, KEY, "111122223333", "eu-west-1", "ops")),
        (("rollback", "prod", "v1"), (URI, KEY, "111122223333", "eu-west-1", "ops")),
        (("pull", "prod"), (URI, None, "111122223333", "eu-west-1", "ops")),
        (("pull", "prod?versionId=v.1"), (URI._replace(version_id="v.1"), None, "111122223333", "eu-west-1", "ops")),
        (("history", "prod"), (URI, None, "111122223333", "eu-west-1", "ops")),
        (("user-data", "prod"), (URI, KEY, "111122223333", "eu-west-1", None)),
        (
            ("archive", "publish", "prod"),
            (URI._replace(key="prod/ecsauth"), KEY, "111122223333", "eu-west-1", "ops"),
        ),
        (("archive", "publish", "stage"), (S3URI("other", "ecsauth"), None, None, None, None)),
    ],
    ids=lambda each: " ".join(each[:2]) if isinstance(each[0], str) else "",
)
def test_commands_of_an_object(argv: tuple[str, ...], expected: tuple[Any, ...]) -> None:
    """Each command of an S3 URI takes a name, and then needs no option; an archive is beside the env-file."""
    assert _values(resolved(*argv), "uri", "kms_key", "bucket_owner", "region", "profile") == list(expected)


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (("check", "prod"), "files"),
        (("which", "nginx", "--file", "prod"), "file"),
        (("verify", "prod"), "file"),
        (EXPORT, "file"),
        (("diff", "prod", "./x"), "old"),
        (("diff", "-", "prod"), "new"),
    ],
    ids=lambda each: each[0] if isinstance(each, tuple) else each,
)
def test_commands_of_a_file(argv: tuple[str, ...], name: str) -> None:
    """Each command that reads a path or an S3 URI takes a name; the options of the environment are for it alone."""
    value = getattr(resolved(*argv), name)
    found = value[0] if isinstance(value, list) else value
    assert isinstance(found, EnvironmentURI)
    assert (found, found.options) == (str(URI), PINS)


def test_two_environments() -> None:
    """Two files of a command keep the options of their own environments."""
    arguments = resolved("diff", "stage", "prod?versionId=v1")
    assert (arguments.old, arguments.old.options) == ("s3://other/stage.config", {})
    assert (arguments.new, arguments.new.options) == (f"{URI}?versionId=v1", PINS)
    assert _values(arguments, "region", "profile") == [None, None]


def test_export_uses_the_environment_for_the_secret() -> None:
    """The secret is in the region of the environment, but the key of the env-file is not that of the secret."""
    assert _values(resolved(*EXPORT), "region", "profile", "kms_key") == ["eu-west-1", "ops", None]


def test_options_win() -> None:
    """An option that is given is used instead of the value of the environment."""
    given = ("--kms-key=alias/x", "--bucket-owner=999999999999", "--region=us-east-1", "--profile=me")
    arguments = resolved("push", "f", "prod", *given)
    assert _values(arguments, "kms_key", "bucket_owner", "region", "profile") == [
        *("alias/x", "999999999999", "us-east-1", "me"),
    ]
    assert resolved("user-data", "prod", "--kms-key", OTHER).kms_key == [OTHER]


def test_a_uri_gets_no_options() -> None:
    """An S3 URI is what it is, even that of an environment."""
    assert _values(resolved("push", "f", str(URI)), "uri", "kms_key", "profile") == [URI, None, None]


def test_archive_of_user_data() -> None:
    """The boot archive may be named by its environment, whose options are not those of the env-file."""
    for name, archive in (("stage", S3URI("other", "ecsauth")), ("prod", URI._replace(key="prod/ecsauth"))):
        assert resolved("user-data", "prod", "--archive", name, "--sha256", "0" * 64).archive == archive
    arguments = resolved("user-data", "stage", "--archive", "prod", "--sha256", "0" * 64)
    assert _values(arguments, "kms_key", "bucket_owner", "region") == [None, None, None]


def test_archive_over_the_env_file(here: Path) -> None:
    """An env-file that has the name of the boot archive is not replaced by it."""
    (here / "ecsauth.toml").write_text('[env.prod]\nuri = "s3://fleet/prod/ecsauth"\n')
    with pytest.raises(UsageError, match="s3://fleet/prod/ecsauth is the env-file of environment prod"):
        resolved("archive", "publish", "prod")


@pytest.mark.parametrize(
    "word", ["./prod", "a/prod", "prod.config", "-", "s3://fleet/k", "prod:", "_prod", "prod ", "ä"]
)
def test_words_that_are_no_names(word: str, here: Path) -> None:
    """A word with anything else than letters, digits, - and _ is a path or a URI, and ecsauth.toml is not read."""
    (here / "ecsauth.toml").write_text("no TOML")
    assert resolved("check", word).files == [word]


def test_a_file_here_that_is_no_environment(here: Path) -> None:
    """A file whose name is not that of an environment is meant as before."""
    (here / "config").touch()
    assert resolved("check", "config").files == ["config"]


@pytest.mark.parametrize("command", ["check", "verify"])
def test_a_file_and_an_environment(here: Path, command: str) -> None:
    """A word that could mean both is refused, with a way to write each."""
    (here / "prod").symlink_to("nowhere")
    with pytest.raises(UsageError, match="prod is a file here and an environment in") as raised:
        resolved(command, "prod")
    assert raised.value.hints == ("for the file write ./prod", f"for the environment write {URI}")


def test_a_folder_and_an_environment(here: Path) -> None:
    """A folder with the name of an environment is no env-file, so the environment is meant."""
    (here / "prod").mkdir()
    assert resolved("check", "prod").files == [str(URI)]


def test_a_file_where_no_path_is_taken(here: Path) -> None:
    """Where only an S3 URI is taken, a file with this name changes nothing."""
    (here / "prod").touch()
    assert resolved("pull", "prod").uri == URI


@pytest.mark.parametrize(
    ("argv", "said", "hints"),
    [
        (("pull", "prd"), "no environment prd in", ("did you mean prod?",)),
        (("push", "f", "prod2"), "no environment prod2 in", ("did you mean prod?",)),
        (("history", "xyz"), "no environment xyz in", ()),
        (("archive", "publish", "PROD"), "no environment PROD in", ()),
        (("check", "prod2"), "prod2 is neither a file here nor an environment in", ("did you mean prod?",)),
        (("diff", "prod", "xyz"), "xyz is neither a file here nor an environment in", ()),
        (
            ("which", "nginx", "--file", "stag"),
            "stag is neither a file here nor an environment in",
            ("did you mean stage?",),
        ),
    ],
)
def test_unknown_names(here: Path, argv: tuple[str, ...], said: str, hints: tuple[str, ...]) -> None:
    """A name that the file does not have is an error with the names that it has, and nothing else is tried."""
    with pytest.raises(UsageError) as raised:
        resolved(*argv)
    assert raised.value.message == f"{said} {here}/ecsauth.toml; there are: prod, stage"
    assert raised.value.hints == hints


def test_unknown_name_in_an_empty_file(here: Path) -> None:
    """A file without environments says so."""
    (here / "ecsauth.toml").write_text("")
    with pytest.raises(UsageError, match=r"no environment prod in .*; it has none"):
        resolved("pull", "prod")


@pytest.mark.parametrize("argv", [("pull", "prod"), ("check", "prod"), ("check", "config")])
def test_file_with_a_fault(here: Path, argv: tuple[str, ...]) -> None:
    """If ecsauth.toml cannot be read, no word that may be a name is taken for a path."""
    (here / "config").touch()
    (here / "ecsauth.toml").write_text("[env.prod")
    with pytest.raises(UsageError, match=r"ecsauth\.toml:1: this is not TOML"):
        resolved(*argv)


def test_version_that_no_object_has() -> None:
    """The version behind a name is validated as that of an S3 URI."""
    with pytest.raises(UsageError, match="version ID"):
        resolved("pull", "prod?versionId=%")


def test_without_a_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an ecsauth.toml a name is a path; where no path is taken, it is an error that does not repeat it."""
    (here / "ecsauth.toml").unlink()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(here))
    assert resolved("check", "prod").files == ["prod"]
    with pytest.raises(UsageError, match=r"this is not an S3 URI, and there is no ecsauth\.toml") as raised:
        resolved("pull", "hunter2")
    assert raised.value.hints == ("see where it is searched for, with an example: ecsauth env",)


@pytest.mark.parametrize(
    "argv",
    [
        ("boot", "prod", "--kms-key", KEY),
        ("doctor", "prod"),
        ("push", "f", "prod.x"),
        ("pull", "a/prod"),
    ],
)
def test_where_a_name_is_not_taken(argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """An instance takes no name, and a command of an S3 URI no path."""
    with pytest.raises(SystemExit) as raised:
        resolved(*argv)
    assert raised.value.code == 2
    assert "not an S3 URI" in capsys.readouterr().err
