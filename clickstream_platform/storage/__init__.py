"""Where data lies: landing files, the manifest and the Delta tables."""
