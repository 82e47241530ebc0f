"""What people look at: tiles, each one named question drawn one way, for dashboard and report."""
