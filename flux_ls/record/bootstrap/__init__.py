"""What `flux run` puts in the way of a starting Python. The folder itself is on its path, so it holds little."""
