"""The independent proof: a second implementation of docs/DEFINITIONS.md in DuckDB.

Imports nothing of the pipeline but settings, errors and hours; starts no JVM.
"""
