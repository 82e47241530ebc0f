"""What an operator asks: how the home is, what the logs say, what this machine lacks."""
