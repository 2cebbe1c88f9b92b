"""Certificates for TLS: a small private authority, what a certificate says, and whether files fit each other.

In come names, and files as PEM (RFC 7468); out go files that were not there before, keys readable by their owner alone,
and descriptions. A renewal replaces one file by one rename: whoever reads sees the old certificate or the new one. What
can fail raises :class:`~node.errors.ConfigError`, and leaves what was there as it was.
"""

from node.certificates.authority import LONGEST_DAYS, Authority, create, key_beside
from node.certificates.description import Description, describe, lists_end
from node.certificates.examination import problems

__all__ = ["LONGEST_DAYS", "Authority", "Description", "create", "describe", "key_beside", "lists_end", "problems"]
