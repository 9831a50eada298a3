"""Parse S3's error document: code, message and region."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Optional
from xml.etree import ElementTree as ET

from ecsauth.aws.refusals import REGION_HEADER, ServiceRefusal

if TYPE_CHECKING:
    from ecsauth.aws.http_exchange import HttpResponse


def refusal_of(answer: HttpResponse) -> ServiceRefusal:
    """Return the refusal in an answer. Without an error document of S3 its code is the status, as in the SDK."""
    told = _members(answer.body)
    headers = dict(answer.headers)
    if told.get("Region"):
        headers.setdefault(REGION_HEADER, told["Region"])
    if "Code" in told:
        return ServiceRefusal(answer.status, told["Code"], told.get("Message", ""), headers)
    return ServiceRefusal(answer.status, str(answer.status), http.client.responses.get(answer.status, ""), headers)


def parsed(body: bytes) -> Optional[ET.Element]:
    """Return the root of an XML document, None if it is not one."""
    try:
        # As a text, so that the parser ignores a declared encoding, which could hide the entities searched below.
        text = body.decode()
        if "<!" in text:
            # Entities that a document defines can make it grow without limit, and S3 sends none.
            return None
        return ET.fromstring(text)  # noqa: S314 - without a document type there is nothing to expand
    except (ET.ParseError, ValueError, LookupError):
        return None


def _members(body: bytes) -> dict[str, str]:
    """Return the members of an Error element by name; empty for anything else."""
    root = parsed(body)
    return {_name(one): one.text or "" for one in root} if root is not None and _name(root) == "Error" else {}


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
