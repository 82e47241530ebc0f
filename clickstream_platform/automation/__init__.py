"""Sensors: what makes the platform run by itself. No tick starts an engine."""
