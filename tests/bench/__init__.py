"""`make bench`: how fast the node is, beside its peers, in one run on one machine."""
