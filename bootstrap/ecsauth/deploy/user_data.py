"""Generate EC2 user data: a script that root runs at the launch of an instance, and that fetches ecsauth and boots.

Every principal that may describe the instance can read user data, so the script contains no secret. CloudFormation may
substitute in it, so no value has a meaning for a shell, YAML or `Fn::Sub`, and the script uses no `${`.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, NamedTuple, Optional
from urllib.parse import quote

from ecsauth.aws_names import DNS_SUFFIXES, REGION
from ecsauth.boot import trust
from ecsauth.errors import UsageError

if TYPE_CHECKING:
    from ecsauth import aws_names
    from ecsauth.boot.units import UnitFile

# Amazon EC2 User Guide, "Run commands when you launch an instance": before it is encoded.
LARGEST = 16_384
BAKED, PROGRAM, PYTHON = "ecsauth", "/usr/local/bin/ecsauth", "python3"
FORMS = ("sh", "cloud-config", "mime")

# The characters that single quotes protect in every shell, except those with a meaning in YAML or Fn::Sub.
_SAFE = r"[ -~]+"
_UNSAFE = "'\\`$"
_PROGRAM = rf"{BAKED}|(/[A-Za-z0-9._+-]+)+"
_PYTHON = r"python3(\.[0-9]{1,2})?"
_SHA256 = r"[0-9a-f]{64}"
_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
# Every user can write to these, but root runs the program.
_OPEN = ("/tmp", "/var/tmp", "/dev/shm", "/run/user")  # noqa: S108 - to refuse them
_HOST = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?"


class ArchiveSource(NamedTuple):
    """The boot archive: its S3 URI, and the SHA-256 that verifies it."""

    uri: aws_names.S3URI
    sha256: str


class UserDataSpec(NamedTuple):
    """The parameters of the script.

    `arguments` are those of `boot`, the URI first, without --launch and --persist; `launch` is the value of --launch.
    `program` is the path of ecsauth. Without `archive` the AMI contains it; with `archive` the script writes it there,
    and `python` runs it. The region and partition of the bucket follow from `kms_keys`, because S3 takes only keys of
    the bucket's region, unless `region` and `endpoint` are given.
    """

    arguments: tuple[str, ...]
    launch: str
    kms_keys: tuple[str, ...]
    archive: Optional[ArchiveSource] = None
    region: Optional[str] = None
    endpoint: Optional[str] = None
    bucket_owner: Optional[str] = None
    program: Optional[str] = None
    python: str = PYTHON


def render(order: UserDataSpec, form: str, gate: UnitFile, signer: str) -> str:
    """Return the user data; raise UsageError for an unsafe value.

    `gate` is the drop-in that boot writes. `signer` is the source of `aws.sigv4.sign`, which boot uses, too.
    """
    made = _script(order, gate, signer)
    if form != "sh":
        made = _cloud_config(made) if form == "cloud-config" else _mime(made)
    if len(made) > LARGEST:
        raise UsageError(
            f"the user data has {len(made)} bytes, the limit of EC2 is {LARGEST}",
            "remove a --set, or set the variable in the env-file",
        )
    return made


def sha256(text: str) -> str:
    """Return `text` in lower case if it is a SHA-256 in hexadecimal; raise UsageError."""
    if not re.fullmatch(_SHA256, text.lower()):
        raise UsageError("must be a SHA-256 of 64 hexadecimal digits, as printed by ecsauth archive publish")
    if text.lower() == _OF_NOTHING:
        raise UsageError("is the SHA-256 of an empty file", "ecsauth archive publish prints the SHA-256 of the archive")
    return text.lower()


def region(text: str) -> str:
    """Return `text` if it can be the name of a region; raise UsageError."""
    if re.fullmatch(REGION, text):
        return text
    raise UsageError("must be the name of a region, such as eu-west-1")


def program(text: str) -> str:
    """Return `text` if it is an absolute path of plain characters, or `ecsauth` alone; raise UsageError."""
    if not re.fullmatch(_PROGRAM, text) or {".", ".."} & set(text.split("/")):
        raise UsageError("must be an absolute path of letters, digits and . _ + -")
    if text.startswith(tuple(f"{folder}/" for folder in _OPEN)):
        raise UsageError(
            "must be a path in a directory that only root can change, because root runs the program",
            f"such as {PROGRAM}",
        )
    return text


def python(text: str) -> str:
    """Return `text` if it is the name of a Python 3; raise UsageError."""
    if re.fullmatch(_PYTHON, text):
        return text
    raise UsageError("must be the name of a Python, such as python3.11")


def endpoint(text: str) -> str:
    """Return `text` if it is the origin of an HTTPS service; raise UsageError.

    Plain HTTP would show the session token to the network.
    """
    if re.fullmatch(f"https://{_HOST}", text):
        return text
    raise UsageError("must be https://HOST, such as https://bucket.vpce-ID.s3.REGION.vpce.amazonaws.com")


def _script(order: UserDataSpec, gate: UnitFile, signer: str) -> str:
    """Return the script: hold, fetch and boot with an archive; only boot if the AMI contains ecsauth."""
    installed = program(order.program or (PROGRAM if order.archive else BAKED))
    if order.archive and installed == BAKED:
        raise UsageError("--program must be an absolute path if --archive is given", f"such as {PROGRAM}")
    launch = () if order.launch == "auto" else ("--launch", order.launch)
    runner = () if order.python == PYTHON else (python(order.python), "-IS")
    words = (*runner, installed, "boot", *_safe(order.arguments), *launch, "--persist")
    boot = shlex.join(words)
    if order.endpoint:
        boot = f"export AWS_ENDPOINT_URL_S3={endpoint(order.endpoint)}\n{boot}"
    is_service = order.launch in ("auto", "service")
    where, partition = _region(order)
    if order.archive is None:
        return f"#!/bin/sh\n{_ONLY}{boot}{_UNLESS_HELD.format(gate=gate) if is_service else ''}\n"
    held = _HOLD.format(folder=gate.name.rpartition("/")[0], gate=gate) if is_service else ""
    owner = trust.account(order.bucket_owner) if order.bucket_owner else ""
    place = _place(order.archive.uri, where, partition, order.endpoint)
    found = (*place, f"{where}/s3", owner, sha256(order.archive.sha256), installed)
    return f"{_HEAD}{held}{_fetch(order.python, found, signer)}{_BOOT}{boot}\n"


def _fetch(interpreter: str, words: tuple[str, ...], signer: str) -> str:
    program = _dense(_PROGRAM_TEXT.replace(_SIGNER, _function(signer)))
    return _FETCH.format(python=interpreter, words=shlex.join(words), program=program)


def _function(source: str) -> str:
    """Return the source of a function without its docstring and annotations."""
    source = re.sub(r' +""".*?"""\n', "", source, flags=re.DOTALL)
    return re.sub(r': (?:str|"[^"]+")(?=[,)])| -> str(?=:)', "", source) + "\n"


def _dense(program: str) -> str:
    """Return a program indented by one space instead of four, because user data must be short."""
    return re.sub(r"^(?:    )+", lambda blank: " " * (len(blank[0]) // 4), program, flags=re.MULTILINE)


def _safe(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of a command; raise UsageError for an unsafe word. It names the option and not the word."""
    for option, one in zip(("", *words), words):
        if not re.fullmatch(_SAFE, one) or set(_UNSAFE) & set(one):
            raise UsageError(
                f"{option if option.startswith('--') else 'the S3 URI'} has a character that is not safe in user data",
                f"use printable ASCII without {' '.join(_UNSAFE)}",
            )
    return words


def _region(order: UserDataSpec) -> tuple[str, str]:
    """Return the region and partition of the bucket, which are those of its keys; raise UsageError."""
    partitions, regions = ({key.split(":")[field] for key in order.kms_keys} for field in (1, 3))
    if len(partitions) > 1:
        raise UsageError("the KMS keys are in several partitions, but the bucket is in one")
    if order.region is None and len(regions) > 1:
        raise UsageError("the KMS keys are in several regions", "give the region of the bucket: --region REGION")
    where = region(order.region or next(iter(regions)))
    if where not in regions:
        raise UsageError(f"no --kms-key is in region {where}", "S3 requires a key in the region of the bucket")
    return where, partitions.pop()


def _place(uri: aws_names.S3URI, where: str, partition: str, own: Optional[str]) -> tuple[str, str]:
    """Return the host, and the path with query, of the request to S3; raise UsageError."""
    path = "/" + quote(uri.key, safe="/~")
    if own:
        host, path = own[len("https://") :], f"/{uri.bucket}{path}"
    elif partition not in DNS_SUFFIXES:
        raise UsageError(f"the S3 endpoint of partition {partition} is unknown", "give --endpoint-url https://HOST")
    else:
        host = f"s3.{where}.{DNS_SUFFIXES[partition]}"
        # The certificate of S3 does not cover a bucket name with a dot.
        host, path = (host, f"/{uri.bucket}{path}") if "." in uri.bucket else (f"{uri.bucket}.{host}", path)
    version = f"?versionId={quote(uri.version_id, safe='~')}" if uri.version_id else ""
    return host, path + version


def _cloud_config(script: str) -> str:
    """Return the script as cloud-config, in a subshell: `exit` must not end the one shell that runs all of runcmd."""
    block = "".join(f" {line}\n" if line else "\n" for line in ("(", *script.splitlines()[1:], ")"))
    return f"#cloud-config\nruncmd:\n- |\n{block}"


def _mime(script: str) -> str:
    """Return the script as a MIME message. The boundary is fixed, so that the same script gives the same bytes."""
    return f"""\
Content-Type: multipart/mixed; boundary={_BOUNDARY}
MIME-Version: 1.0

--{_BOUNDARY}
Content-Type: text/x-shellscript

{script}
--{_BOUNDARY}--
"""


# The boundary line begins with two hyphens; no line of a script does.
_BOUNDARY = "ecsauth"

# boot writes the gate itself, unless it cannot start or cannot write there.
_ONLY = "# Written by ecsauth user-data. Holds no secret. Where boot has not held the agent back, it is switched off.\n"
_UNLESS_HELD = """\
 || {{ s=$?; \
[ -e /etc/systemd/system/{gate.name} ] && systemctl daemon-reload && exit $s; \
systemctl disable --now ecs.service || systemctl mask --runtime --now ecs.service; \
exit $s; }}"""

_HEAD = """\
#!/bin/sh
# Written by ecsauth user-data. Holds no secret.
set -eu
"""
_HOLD = """\

# No agent without a valid env-file.
if ! {{ cd /etc/systemd/system && mkdir -p {folder} && cat >{gate.name} && systemctl daemon-reload; }} <<'END'
{gate.text}END
then
    systemctl disable --now ecs.service || systemctl mask --runtime --now ecs.service || :
    echo 'ecsauth: error: cannot hold the agent back' >&2 || :
    exit 7
fi
"""
_FETCH = """\

# Get ecsauth; its SHA-256 proves it.
{python} -IS - {words} <<'END'
{program}END
"""
_BOOT = "\n"
# Python, because ecsauth needs it anyway. The credentials stay in this one process: no argument list, environment,
# file or error message contains them. The program also runs with Python 3.6, so that the archive can report which
# Python it needs. http.client would cost a third of the time.
_SIGNER = "# SIGNER\n"
_PROGRAM_TEXT = """\
import hashlib, hmac, json, os, signal, socket, ssl, sys, time
host, path, place, owner, wanted, program = sys.argv[1:]

def ask(host, path, headers, port=443, method="GET"):
    tcp = socket.create_connection((host, port), 10)
    if port == 443:
        tcp = ssl.create_default_context().wrap_socket(tcp, server_hostname=host)
    lines = [f"{method} {path} HTTP/1.1", *map(": ".join, {"host": host, **headers}.items()), "connection: close"]
    tcp.sendall("\\r\\n".join([*lines, "\\r\\n"]).encode())
    head, _, body = tcp.makefile("rb").read(1 << 25).partition(b"\\r\\n\\r\\n")
    if head[9:12] != b"200" or b"\\ncontent-length: %d\\r" % len(body) not in head.lower() + b"\\r":
        raise OSError(f"{host} answers {head[9:12].decode()}")
    return body

# SIGNER
def fetch():
    imds, name = "169.254.169.254", "x-aws-ec2-metadata-token"
    token = {name: ask(imds, "/latest/api/token", {name + "-ttl-seconds": "60"}, 80, "PUT").decode()}
    roles = "/latest/meta-data/iam/security-credentials/"
    role = json.loads(ask(imds, roles + ask(imds, roles, token, 80).decode(), token, 80))
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers = {"host": host, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": now}
    headers["x-amz-security-token"] = role["Token"]
    if owner:
        headers["x-amz-expected-bucket-owner"] = owner
    head = "GET\\n%s\\n%s" % path.partition("?")[::2]
    headers["authorization"] = sign(head, headers, role["AccessKeyId"], role["SecretAccessKey"], place)
    return ask(host, path, headers)

def fail(status, why):
    try:
        os.write(2, f"ecsauth: error: https://{host}{path}: {why}\\n".encode())
    finally:
        os._exit(status)

body, why = None, "no answer"
signal.signal(signal.SIGALRM, lambda *_: fail(5, why))
signal.alarm(180)
while body is None:
    try:
        body = fetch()
    except Exception as fault:
        why = fault
        time.sleep(2)
if hashlib.sha256(body).hexdigest() != wanted:
    fail(4, "another SHA-256")
new = program + ".new"
with open(new, "wb", 0) as file:
    file.write(body)
    os.fsync(file)
os.chmod(new, 0o755)
os.replace(new, program)
"""
