"""`clickstream dashboard`: the pages in a browser, read without Spark."""
