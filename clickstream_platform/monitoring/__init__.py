"""Telling people: alert rules, one notifier, and metrics for Prometheus."""
