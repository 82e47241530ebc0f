"""Runs through Dagster: `clickstream run` and `make dev`."""
