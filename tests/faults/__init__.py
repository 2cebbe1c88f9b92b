"""The campaign of faults: what breaks nodes like this one, done to the node and, where it applies, to its peers.

`make faults` runs it whole and writes deploy/RELIABILITY.md; tests/acceptance/test_faults.py runs its short form.
"""
