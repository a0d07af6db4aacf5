"""The dossier of a station as a document, in English and Chinese."""
