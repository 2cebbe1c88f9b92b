"""The report on one page of A4 as PDF: what it says, where it stands, and how it is drawn.

Comes in: an analysis with its explanation, and the header of the object that will hold the page. Goes out: bytes, the
same for the same analysis. The page is first a list of marks with places (:mod:`node.report.page.block`), which is then
drawn (:mod:`node.report.page.pdf`). What can fail: nothing that a plugin may legally answer; what has no room is cut
short and says where the rest stands.
"""

from node.report.page.page import page

__all__ = ["page"]
