"""The pages that people see: templates, words, scripts and styles, all served from here."""
