"""The tags of runs that our own code reads."""

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
PARTITION = "dagster/partition"
KEY = "clickstream/key"  # what a run without partitions covers
PROCESS = "clickstream/process"  # who executes the run, as `storage.owners` names it
CODE = "clickstream/code"  # version of rules and mappings a sensor asked with
BY = "clickstream/by"
ENDED_BY = "clickstream/ended-by"  # who ended it, if no person did
