"""`clickstream report`: the pages of a day or week, or of data quality, as one printable file."""
