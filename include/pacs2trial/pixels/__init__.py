"""Pixel data of one object in memory: its frames as they are encoded, and the values that they hold. No file."""
