"""Dagster resources: where data lies and what computes it."""
