"""The seeded shop: synthetic click events with known truth, in the shapes of NAMES.md."""
