"""Pictures of what is held. No web, no file."""
