"""Text in the pixels of one object: where it stands, and whether it names the patient. No file, vault or session."""
