"""S3 URIs: what names one object of one bucket, and what is refused with a reason."""

from __future__ import annotations

import pytest
from ecsauth import aws_names
from ecsauth.aws_names import S3URI
from ecsauth.errors import UsageError
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        pytest.param("s3://bucket/key", S3URI("bucket", "key"), id="plain"),
        pytest.param("s3://my.bucket-1/a/b/ecs.config", S3URI("my.bucket-1", "a/b/ecs.config"), id="prefixes"),
        pytest.param("s3://b00/key?versionId=3/L4kqtJlcpXro", S3URI("b00", "key", "3/L4kqtJlcpXro"), id="a version"),
        pytest.param("s3://bucket/key?versionId=null", S3URI("bucket", "key", "null"), id="the null version"),
        pytest.param("s3://bucket/a b?c#d%20e", S3URI("bucket", "a b?c#d%20e"), id="a key is no URL path"),
        pytest.param("s3://bucket//key", S3URI("bucket", "/key"), id="a key may begin with a slash"),
        pytest.param("s3://bucket/\u00fc\u4e2d", S3URI("bucket", "\u00fc\u4e2d"), id="letters of all scripts"),
        pytest.param("s3://" + "b" * 63 + "/" + "k" * 1024, S3URI("b" * 63, "k" * 1024), id="the longest"),
        pytest.param("s3://1.2.3.4.5/key", S3URI("1.2.3.4.5", "key"), id="digits that are no address"),
    ],
)
def test_parse(text: str, uri: S3URI) -> None:
    """The bucket ends at the first slash, the key at `?versionId=`."""
    assert aws_names.parse(text) == uri


@pytest.mark.parametrize("text", ["s3://bucket/a/b", "s3://bucket/a/b?versionId=v1", "s3://bucket/a?b"])
def test_text_names_the_same_object(text: str) -> None:
    """A URI prints as it was written."""
    assert str(aws_names.parse(text)) == text


def test_object_uri_leaves_the_version_out() -> None:
    """All versions of an object have one object URI."""
    assert aws_names.parse("s3://bucket/key?versionId=v1").object_uri == "s3://bucket/key"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("arn:aws:s3:::bucket/key", "ARN", id="object ARN"),
        pytest.param("arn:aws:s3:eu-west-1:111122223333:accesspoint/ap/object/key", "ARN", id="access point"),
        pytest.param("s3://arn:aws:s3-object-lambda:eu-west-1:111122223333:accesspoint/ol/key", "ARN", id="in s3://"),
        pytest.param("s3://my-ap-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias/key", "access point", id="alias"),
        pytest.param("s3://my-ol-ap-hrzrlukc5m36ft7o--ol-s3/key", "access point", id="Object Lambda alias"),
        pytest.param("s3://mfzwi23gnjvgw.mrap/key", "access point", id="multi-region alias"),
        pytest.param("/etc/ecs/ecs.config", "not an S3 URI", id="path"),
        pytest.param("S3://bucket/key", "not an S3 URI", id="scheme in capitals"),
        pytest.param("https://bucket.s3.amazonaws.com/key", "not an S3 URI", id="URL"),
        pytest.param("", "not an S3 URI", id="empty"),
        pytest.param("s3://", "bucket name", id="no bucket"),
        pytest.param("s3:///key", "bucket name", id="empty bucket"),
        pytest.param("s3://ab/key", "bucket name", id="too short"),
        pytest.param("s3://" + "b" * 64 + "/key", "bucket name", id="too long"),
        pytest.param("s3://Bucket/key", "bucket name", id="capitals"),
        pytest.param("s3://my_bucket/key", "bucket name", id="underscore"),
        pytest.param("s3://-bucket/key", "bucket name", id="leading hyphen"),
        pytest.param("s3://bucket./key", "bucket name", id="trailing dot"),
        pytest.param("s3://my..bucket/key", "bucket name", id="two dots"),
        pytest.param("s3://192.168.5.4/key", "bucket name", id="an address"),
        pytest.param("s3://xn--bucket/key", "bucket name", id="reserved prefix"),
        pytest.param("s3://sthree-bucket/key", "bucket name", id="another reserved prefix"),
        pytest.param("s3://bucket--use1-az4--x-s3/key", "bucket name", id="directory bucket"),
        pytest.param("s3://bucket\n/key", "bucket name", id="newline in the bucket"),
        pytest.param("s3://b\u0661\u0662cket/key", "bucket name", id="digits of another script"),
        pytest.param("s3://user:password@bucket/key", "bucket name", id="user information"),
        pytest.param("s3://bucket", "key", id="no key"),
        pytest.param("s3://bucket/", "key", id="empty key"),
        pytest.param("s3://bucket/prefix/", "key", id="folder"),
        pytest.param("s3://bucket/" + "\u00fc" * 513, "key", id="1,026 bytes"),
        pytest.param("s3://bucket/a\nb", "key", id="newline in the key"),
        pytest.param("s3://bucket/\x1b[31m", "key", id="escape sequence"),
        pytest.param("s3://bucket/\udcff", "key", id="bytes that are not UTF-8"),
        pytest.param("s3://bucket/?versionId=v1", "key", id="version without key"),
        pytest.param("s3://bucket/key?versionId=", "version ID", id="empty version"),
        pytest.param("s3://bucket/key?versionId=v1&x=y", "version ID", id="more after the version"),
        pytest.param("s3://bucket/key?versionId=a?versionId=b", "version ID", id="two versions"),
        pytest.param("s3://bucket/key?versionId=" + "v" * 1025, "version ID", id="too long a version"),
    ],
)
def test_refuses(text: str, reason: str) -> None:
    """Whatever is not one object of one bucket is a usage fault that says which part is wrong, and how to write it."""
    with pytest.raises(UsageError, match=reason) as raised:
        aws_names.parse(text)
    assert "s3://bucket/key" in " ".join(raised.value.hints)


@given(st.text())
def test_refusal_never_repeats_the_text(text: str) -> None:
    """What was given may be a secret in the wrong place."""
    canary = f"s3cret{text}"
    with pytest.raises(UsageError) as raised:
        aws_names.parse(f"s3://B/{canary}")
    assert "s3cret" not in " ".join((raised.value.message, *raised.value.hints))


@given(st.text(min_size=1, max_size=40), st.one_of(st.none(), st.text(max_size=40)))
def test_what_is_taken_round_trips(key: str, version: str | None) -> None:
    """No two different URIs mean the same object, and none is changed on the way."""
    text = f"s3://bucket/{key}" + ("" if version is None else f"?versionId={version}")
    try:
        uri = aws_names.parse(text)
    except UsageError:
        return
    assert str(uri) == text


@pytest.mark.parametrize(
    ("text", "answer"),
    [("s3://b/k", True), ("s3://", True), ("arn:aws:s3:::b/k", True), ("-", False), ("./s3://b", False), ("a", False)],
)
def test_tells_uris_from_paths(text: str, answer: bool) -> None:
    """ARNs count as URIs, so that they are refused with the reason and not as files that are absent."""
    assert aws_names.is_s3_uri(text) is answer
