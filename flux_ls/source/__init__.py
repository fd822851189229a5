"""From a recorded location to today's line: paths, functions and anchors. Reads files, knows no editor."""
