"""Which `ecsauth.toml` is read, which is refused, and what a written entry changes of it."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from ecsauth.aws_names import S3URI
from ecsauth.cli import environment_file, environment_search, environments
from ecsauth.cli.environments import Environment
from ecsauth.errors import EcsauthError, LocalError, UsageError
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
PROD = Environment("prod", S3URI("fleet", "prod/ecs.config"))
ENTRY = '[env.prod]\nuri = "s3://fleet/prod/ecs.config"\n'
STAGE = '[env.stage]\nuri = "s3://fleet/stage/ecs.config"\n'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a working directory two levels below an empty folder, with the user's configuration in `own`."""
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "own"))
    monkeypatch.delenv(environment_search.VARIABLE, raising=False)
    return folder


def _write(path: Path, text: str = ENTRY) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_nearest_file_counts(here: Path) -> None:
    """The search goes upward from the working directory, and then to the user's configuration."""
    assert environment_file.load() is None
    for folder in (here.parents[1] / "own" / "ecsauth", here.parents[1], here.parent, here):
        path = _write(folder / "ecsauth.toml")
        assert environment_search.find() == path
        assert environment_file.default_path() == path


def test_the_variable_comes_first(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ECSAUTH_CONFIG names the file, whatever its name is; empty it is as good as unset."""
    found, named = _write(here / "ecsauth.toml"), _write(here / "other", STAGE)
    monkeypatch.setenv(environment_search.VARIABLE, "other")
    file = environment_file.load()
    assert file is not None
    assert (file.path, list(file.environments)) == (named, ["stage"])
    monkeypatch.setenv(environment_search.VARIABLE, "")
    assert environment_search.find() == found


def test_the_variable_names_no_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ECSAUTH_CONFIG with the path of no file is an error, even if there is an ecsauth.toml; an entry may make it."""
    _write(here / "ecsauth.toml")
    monkeypatch.setenv(environment_search.VARIABLE, "/nowhere/x.toml")
    with pytest.raises(UsageError, match=r"ECSAUTH_CONFIG names /nowhere/x\.toml, which is not there"):
        environment_file.load()
    assert environment_file.default_path() == "/nowhere/x.toml"


def test_home_without_the_variable_of_xdg(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without XDG_CONFIG_HOME, or with a relative path in it, the user's folder is ~/.config."""
    monkeypatch.setenv("HOME", str(here / "home"))
    expected = str(here / "home/.config/ecsauth/ecsauth.toml")
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_CONFIG_HOME", value)
        assert environment_search.searched()[-1] == expected
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert environment_search.searched()[-1] == expected


def test_the_default_is_a_file_here(here: Path) -> None:
    """Without any file an entry goes into the working directory."""
    assert environment_file.default_path() == str(here / "ecsauth.toml")


def test_no_working_directory(here: Path) -> None:
    """In a directory that was removed only the user's own file is searched for."""
    here.rmdir()
    assert len(environment_search.searched()) == 1


def _folder(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _large(path: Path) -> None:
    path.write_bytes(b"#" * (64 * 1024 + 1))


def _open(path: Path) -> None:
    _write(path)
    path.chmod(0o666)


@pytest.mark.parametrize(
    ("make", "fault", "said"),
    [
        (_folder, LocalError, "is not a plain file"),
        (_pipe, LocalError, "is not a plain file"),
        (_dangling, LocalError, "no such file or directory"),
        (_large, UsageError, "is larger than 64 KiB"),
        (_open, LocalError, "can be written by every user, who could send your secrets to another bucket"),
    ],
)
def test_refused_files(here: Path, make: object, fault: type[EcsauthError], said: str) -> None:
    """What cannot be read, or may be another user's, is an error with the path: the next file upward is not read."""
    _write(here.parent / "ecsauth.toml")
    assert callable(make)
    make(here / "ecsauth.toml")
    with pytest.raises(fault, match=said) as raised:
        environment_file.load()
    assert str(here / "ecsauth.toml") in raised.value.message
    assert raised.value.hints


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_file_of_another_user(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of another user is read only if ECSAUTH_CONFIG names it: its owner decides where secrets are put."""
    path = _write(here / "ecsauth.toml")
    os.chown(path, 12345, 12345)
    with pytest.raises(LocalError, match="belongs to another user") as raised:
        environment_file.load()
    assert raised.value.hints == (f"if you trust the file, name it: export ECSAUTH_CONFIG={path}",)
    monkeypatch.setenv(environment_search.VARIABLE, path)
    assert environment_file.load() is not None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", ENTRY, id="empty file"),
        pytest.param("# team\n", f"# team\n\n{ENTRY}", id="after a comment"),
        pytest.param(STAGE[:-1], f"{STAGE}\n{ENTRY}", id="no line end at the end"),
        pytest.param(STAGE.replace("\n", "\r\n"), f"{STAGE}\n{ENTRY}".replace("\n", "\r\n"), id="line ends of Windows"),
        pytest.param(ENTRY, ENTRY, id="the same"),
        pytest.param(ENTRY.replace('"', "'"), ENTRY.replace('"', "'"), id="the same in other quotes"),
        pytest.param(ENTRY.replace("prod/", "old/"), ENTRY, id="another URI"),
        pytest.param(
            f"# 1\n\n[env . \"prod\"] # 2\n# 3\n  uri = 's3://fleet/old' # 4\n\n# 5\n{STAGE}",
            f'# 1\n\n[env . "prod"] # 2\n# 3\n  uri = "s3://fleet/prod/ecs.config" # 4\n\n# 5\n{STAGE}',
            id="comments",
        ),
        pytest.param(
            '[env.prod]\nprofile = "p" # whose\n# 1\nuri = "s3://fleet/prod/ecs.config"\nregion = "eu-west-1"',
            '[env.prod]\n# 1\nuri = "s3://fleet/prod/ecs.config"\n',
            id="old keys",
        ),
        pytest.param(
            "[env]\nprod = { uri = 's3://fleet/old' }\n",
            '[env]\nprod = { uri = "s3://fleet/prod/ecs.config" }\n',
            id="inline table",
        ),
    ],
)
def test_written_entry(here: Path, before: str, after: str) -> None:
    """An entry is added at the end, or replaced in its place; all other bytes of the file stay."""
    path = here / "ecsauth.toml"
    path.write_bytes(before.encode())
    environment_file.write_entry(str(path), PROD)
    assert path.read_bytes().decode() == after


def test_more_keys_of_an_entry(here: Path) -> None:
    """A new key of an entry is written below its last one."""
    path = _write(here / "ecsauth.toml", f'[env.prod]\nregion = "us-east-1"\nuri = "s3://fleet/k" # 1\n# 2\n\n{STAGE}')
    environment_file.write_entry(path, Environment("prod", S3URI("fleet", "k"), KEY, region="eu-west-1", profile="p"))
    assert (here / "ecsauth.toml").read_text() == (
        f'[env.prod]\nregion = "eu-west-1"\nuri = "s3://fleet/k" # 1\nkms_key = "{KEY}"\nprofile = "p"\n# 2\n\n{STAGE}'
    )


@pytest.mark.parametrize(
    ("before", "said"),
    [
        pytest.param("[env.prod\n", "this is not TOML", id="no TOML"),
        pytest.param(f"{ENTRY}more = 1\n", "unknown key", id="unknown key"),
        pytest.param("env = {}\n", "no place for a table", id="inline table of all"),
        pytest.param("env = { prod = { uri = 's3://fleet/k' } }\n", "no place for a table", id="inline table"),
        pytest.param("[env]\nprod.uri = 's3://fleet/k'\n", "no place for a table", id="dotted keys"),
    ],
)
def test_file_that_no_entry_fits(here: Path, before: str, said: str) -> None:
    """A file that is not valid, or whose entry has another form, stays as it is."""
    path = _write(here / "ecsauth.toml", before)
    with pytest.raises(UsageError, match=said):
        environment_file.write_entry(path, PROD._replace(kms_key=KEY))
    assert (here / "ecsauth.toml").read_text() == before


def test_mode_of_a_new_file(here: Path) -> None:
    """A new file is for everyone to read, whatever the umask is; one that is there keeps its mode."""
    path = here / "ecsauth.toml"
    before = os.umask(0o077)
    try:
        environment_file.write_entry(str(path), PROD)
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        path.chmod(0o600)
        environment_file.write_entry(str(path), PROD._replace(kms_key=KEY))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in here.iterdir()] == ["ecsauth.toml"]


def test_link_stays(here: Path) -> None:
    """The target of a link is replaced, not the link."""
    _write(here / "real.toml", STAGE)
    (here / "ecsauth.toml").symlink_to("real.toml")
    environment_file.write_entry(str(here / "ecsauth.toml"), PROD)
    assert (here / "ecsauth.toml").is_symlink()
    assert (here / "real.toml").read_text() == f"{STAGE}\n{ENTRY}"


_NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,5}", fullmatch=True)
_IN_KEYS = st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="?/")
_ENVIRONMENTS = st.builds(
    Environment,
    _NAMES,
    st.text(_IN_KEYS, min_size=1, max_size=5).map(lambda key: S3URI("fleet", key)),
    st.sampled_from([None, KEY]),
    st.sampled_from([None, "111122223333"]),
    st.sampled_from([None, "eu-west-1", "us-east-1"]),
    st.sampled_from([None, "p", 'p "q\\']),
)


@given(made=st.lists(_ENVIRONMENTS, min_size=1, max_size=6), end=st.sampled_from(["\n", "\r\n"]))
def test_any_order_of_writes(made: list[Environment], end: str) -> None:
    """After any number of entries, each name has the last one that was written."""
    data = f"# team{end}".encode()
    for one in made:
        data = environment_file._changed(data, one, "f")  # noqa: SLF001 - many files would take seconds
    assert environments.parse(data, "f") == {one.name: one._replace(source="f") for one in made}
    assert data.startswith(f"# team{end}".encode())
