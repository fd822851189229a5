"""Which rows of the throw-away databases were put back, in words for every face."""

from flux_ls.answers.rows import row_name
from flux_ls.answers.words import counted
from flux_ls.replay.shapes import Replay

_MOST = 5


def rows_words(answer: Replay) -> str | None:
    """`rows put back: 2; not put back: users id=7, changed since`; None where there was nothing to put back."""
    put_back = sum(each.put_back for each in answer.requests)
    concerned = sum(bool(each.put_back) for each in answer.requests)
    left = dict.fromkeys(
        f"{row_name(row.table, row.key)}, {row.reason}" for each in answer.requests for row in each.not_put_back
    )
    if not put_back and not left:
        return None
    words = f"rows put back: {put_back:,}"
    if len(answer.requests) > 1 and concerned:
        words += f", before {counted(concerned, 'request')}"
    if left:
        told = "; ".join(list(left)[:_MOST])
        count = max(len(left), *(each.not_put_back_rows for each in answer.requests))
        more = f"; and {count - _MOST:,} more" if count > _MOST else ""
        words += f"; not put back: {told}{more}"
    return words
