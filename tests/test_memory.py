"""What a worker frees it uses again."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import resource
from node.worker import memory
assert memory.reuse_freed()
import numpy as np
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(10 << 20, np.float32)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults(), faults())
"""


def test_pages_of_a_freed_array_are_used_again() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    first, second = map(int, done.stdout.split())
    assert second <= first // 10
