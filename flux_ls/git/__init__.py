"""What git knows: revisions, the files in them, how texts differ, what moved. The only user of GitPython."""
