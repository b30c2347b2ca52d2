"""Faces removed: a program of the site is asked which voxels show them; nothing else is taken from it."""
