"""SQL over the lake without Spark: named business questions, and DuckDB over delta-rs."""
