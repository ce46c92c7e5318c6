"""Runs over partitions: larger than memory, across machines, with the same digits.

`run` takes the specification that would be fitted in memory and a source that need not fit there;
`read_manifest` reads what a finished run left behind.
"""

from tfp_index.scale.job import Job
from tfp_index.scale.manifest import Manifest, read_manifest
from tfp_index.scale.run import run

__all__ = ["Job", "Manifest", "read_manifest", "run"]
