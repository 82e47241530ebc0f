"""The lake for other tools: a star schema and views in PostgreSQL, and files to take away."""
