"""The README's pictures: real terminals, run in tmux and drawn as SVG."""
