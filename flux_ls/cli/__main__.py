"""`python -m flux_ls.cli`: the command line where the `flux` script is not on PATH."""

from flux_ls.cli.main import main

main()
