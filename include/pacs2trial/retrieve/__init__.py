"""The pull: what a PACS holds is expected, fetched and settled, study by study, for the subjects of a trial."""
