"""The same questions for agents, over the Model Context Protocol: tools, their limits, and what is told as data."""
