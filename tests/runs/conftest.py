"""How long a test waits for what a sandbox does."""

#: Real seconds within which every run here must have ended.
DEADLINE = 90.0
