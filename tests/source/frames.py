"""Frames for the tests, with what they do not care about filled in."""

from flux_ls.model import Frame, Language


def frame(
    path: str = "/srv/app/shop/payments.py",
    line: int = 1,
    function: str = "charge",
    source: str | None = None,
    *,
    in_app: bool = True,
    column: int | None = None,
    language: Language = "python",
) -> Frame:
    return Frame(path, line, function, in_app, column=column, source=source, language=language)
