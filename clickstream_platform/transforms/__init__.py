"""What the data means: pure functions from DataFrame to DataFrame."""
