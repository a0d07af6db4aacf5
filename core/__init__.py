"""What every part of Fluxtower may know: variables, stations, records, settings, the clock, errors and the store."""
