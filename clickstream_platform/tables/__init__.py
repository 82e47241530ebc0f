"""The contracts: every table of the lake, written once."""
