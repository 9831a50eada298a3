"""S3 as an instance asks it: requests that are signed here, by the standard library alone.

One GetObject is all that a boot needs, so nothing else is loaded for it. docs/trust.md says what holds this true.
"""

from __future__ import annotations

import base64
import email.utils
import hashlib
import os
import random
import time
import urllib.parse
import zlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional

from ecsauth import __version__
from ecsauth.aws import credentials, endpoint, error_document
from ecsauth.aws.attempt import Operation, at
from ecsauth.aws.connection import ALTERED, BROKE, NO_ANSWER
from ecsauth.aws.http_exchange import HttpRequest, exchange
from ecsauth.aws.refusals import foreign, refused, told
from ecsauth.aws.sigv4 import signed
from ecsauth.boot.fetch import Fetched, Identity
from ecsauth.boot.trust import ObjectFacts
from ecsauth.errors import InvalidError, SettlingError, TimeUpError, UnreachableError, UsageError
from ecsauth.timing import note, within

if TYPE_CHECKING:
    from ecsauth.aws.attempt import Attempt
    from ecsauth.aws.credentials import Signer
    from ecsauth.aws.endpoint import Endpoint
    from ecsauth.aws.http_exchange import HttpResponse
    from ecsauth.aws_names import S3URI
