"""What S3 says with an answer that is no success: code, message and region, from its error document."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Optional
from xml.etree import ElementTree as ET

from ecsauth.aws.refusals import REGION_HEADER, ServiceRefusal

if TYPE_CHECKING:
    from ecsauth.aws.http_exchange import HttpResponse


def refusal_of(answer: HttpResponse) -> ServiceRefusal:
    """Return the refusal that an answer is; of one without a document of S3's the status has to do, as for the SDK."""
    told = _members(answer.body)
    headers = dict(answer.headers)
    if told.get("Region"):
        headers.setdefault(REGION_HEADER, told["Region"])
    if "Code" in told:
        return ServiceRefusal(answer.status, told["Code"], told.get("Message", ""), headers)
    return ServiceRefusal(answer.status, str(answer.status), http.client.responses.get(answer.status, ""), headers)


def parsed(body: bytes) -> Optional[ET.Element]:
    """Return the root of a document, None for what is none."""
    try:
        # As text it is UTF-8 to the parser too, whatever it declares: no other encoding hides what is looked for.
        text = body.decode()
        if "<!" in text:
            # Entities of a document's own can make it grow without bound, and S3 sends none.
            return None
        return ET.fromstring(text)  # noqa: S314 - without a document type there is nothing to expand
    except (ET.ParseError, ValueError, LookupError):
        return None


def _members(body: bytes) -> dict[str, str]:
    """Return the members of an Error element by name, none for anything else."""
    root = parsed(body)
    return {_name(one): one.text or "" for one in root} if root is not None and _name(root) == "Error" else {}


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
