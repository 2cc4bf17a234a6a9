"""A sample simulator, and throw-away directories to play with it."""
