"""Maps of where fluxes come from: the climatology of footprints, its contours, GeoJSON and GeoTIFF."""
