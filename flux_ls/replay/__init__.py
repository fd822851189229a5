"""Replay: recorded requests run again, against the code of a folder, with their side effects off.

`replay.py` is the entry: `replay` for requests of the store, `recording_of` and `replay_one` for whoever runs one many
times, in other folders. What is asked and answered stands in `shapes.py`. `child/` runs under the project's own
interpreter and imports nothing but the standard library, so this package imports nothing by itself.

Running the code of a repository is the user's own act: whoever calls this has asked.
"""
