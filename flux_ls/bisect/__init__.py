"""The commit that broke it: which revisions to try, throw-away checkouts to try them in, and what each one says."""
