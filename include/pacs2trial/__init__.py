"""pacs2trial: share radiotherapy planning and imaging data with clinical trials."""

__version__ = "0.1.0"
