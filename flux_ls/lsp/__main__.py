"""`python -m flux_ls.lsp`: the language server, for when its script is not on PATH."""

import sys

from flux_ls.lsp.main import main

sys.exit(main())
