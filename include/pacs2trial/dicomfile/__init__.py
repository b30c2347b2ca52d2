"""DICOM objects as bytes: the split between header and pixel data, and files that are whole or absent."""
