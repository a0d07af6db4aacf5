"""The commands that work on files and seasons: what they do, say and write. No command line in here."""
