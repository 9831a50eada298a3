"""AWS's partitions, and how regions are called in them."""

from __future__ import annotations

# What the names of services end with in each: botocore's data/partitions.json.
DNS_SUFFIXES = {
    "aws": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
    "aws-eusc": "amazonaws.eu",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
    "aws-us-gov": "amazonaws.com",
}
REGION = r"[a-z]{2,4}(-[a-z]{2,10}){1,2}-[0-9]{1,2}"
