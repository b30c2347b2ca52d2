"""What is held, for those who look: staging as it is, and each trial as it would get it. Read-only, no network."""
