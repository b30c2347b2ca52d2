"""What workers of the pool make: frames, thumbnails, drawings, headers, from what the scope shows now."""
