"""Builds the hours of a layer: reads, transforms, checks, commits, and notes what was done."""
