"""The shared Spark engine: one Spark Connect server per platform home."""
