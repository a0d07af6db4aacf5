"""How tables leave the house: FLUXNET CSV, plain CSV with a line of units, columns of JSON, Parquet; no HTTP in it."""
