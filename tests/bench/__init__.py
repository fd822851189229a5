"""What Flux costs, as ratios and counts measured in one run; absolute times are for orientation only."""
