"""Runs over partitions: larger than memory, across machines, with the same digits.

`run` takes the specification that would be fitted in memory and a source that need not fit there;
`read_manifest` reads what a finished run left behind. `Office` is the run of a statistics office:
from raw data to cells that may be published. `Checks` are those of `Panel.check`,
`EnterpriseIndicators` those of `tfp_index.enterprise_indicators`.
"""

from tfp_index.scale.job import Job
from tfp_index.scale.manifest import Manifest, read_manifest
from tfp_index.scale.office import Office, OfficeResult
from tfp_index.scale.programs.checks import Checks
from tfp_index.scale.programs.enterprises import EnterpriseIndicators
from tfp_index.scale.run import run

__all__ = [
    "Checks",
    "EnterpriseIndicators",
    "Job",
    "Manifest",
    "Office",
    "OfficeResult",
    "read_manifest",
    "run",
]
