"""`fluxtower season`: half-hours to a folder of tables, figures and a manifest."""
