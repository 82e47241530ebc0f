"""Sources: a tracker is a YAML mapping, not code."""
