"""An open e-commerce clickstream lakehouse on Dagster, PySpark and Delta."""
