"""Predictions, regions, pictures and the source's header become valid DICOM objects; one file of code per kind.

Comes in: a :class:`node.study.Analysis`, the headers of its source instances (read without pixel data), and what
explain drew. Goes out: ``(kind, Dataset)`` pairs, complete with File Meta Information, ready to be written as Part 10
files in Explicit VR Little Endian. Nothing is written to disk here.

The same answers as plain values, for the command line, are an :class:`node.account.Account`.

Building is a pure function: the same analysis gives the same bytes, in any process, so that a retry never doubles a
report. Identity is told in :mod:`node.report.identity`, the header in :mod:`node.report.provenance`.

What can fail: a source without any usable reference raises :class:`node.errors.ReportError`. Broken or missing optional
tags of a source never do; they are left out.
"""

from node.report.account import account_of
from node.report.part10 import part10
from node.report.results import build

__all__ = ["account_of", "build", "part10"]
