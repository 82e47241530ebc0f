"""The continuous stream: a query, its sink, the long-running op, and a broker to try it with."""
