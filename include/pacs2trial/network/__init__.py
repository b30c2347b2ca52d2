"""The node as SCU: association, C-ECHO, C-FIND, C-MOVE, C-GET, and what PACS make of the standard."""
