"""An open e-commerce clickstream lakehouse on Dagster, PySpark and Delta."""

import warnings

# Dagster says once per process which of its parameters are beta; its version is pinned here.
warnings.filterwarnings("ignore", message=r".*is currently in beta.*")
