"""Upkeep: compaction, vacuum, checkpoints, and what runs leave behind."""
