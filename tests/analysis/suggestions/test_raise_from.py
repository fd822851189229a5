"""Exceptions raised while another was handled."""

from pathlib import Path

import pytest

from tests.analysis.suggestions.broken import Snippet

HEAD = "class Declined(Exception):\n    pass\n\n\n"
TITLE = "Raise it from err, so that the cause is told"


@pytest.mark.parametrize(
    ("body", "after"),
    [
        (
            "    try:\n        {}['plan']\n    except KeyError as err:\n        raise Declined('no plan')\n",
            "raise Declined('no plan') from err\n",
        ),
        (
            "    try:\n        {}['plan']\n    except (KeyError, ValueError) as err:\n        raise Declined  # why?\n",
            "raise Declined from err  # why?\n",
        ),
        (
            "    try:\n        {}['plan']\n    except KeyError as err:\n        raise Declined(\n"
            "            'é🙂',\n        )\n",
            "raise Declined(\n            'é🙂',\n        ) from err\n",
        ),
        (
            "    try:\n        {}['plan']\n    except KeyError as err:\n        if err:\n"
            "            raise Declined(f'{err}')\n",
            "raise Declined(f'{err}') from err\n",
        ),
    ],
)
def test_the_cause_becomes_explicit(body: str, after: str, tmp_path: Path) -> None:
    snippet = Snippet(tmp_path, f"{HEAD}def main():\n{body}")
    (found,) = snippet.suggestions()
    assert (found.title, found.sure) == (TITLE, True)
    assert found.evidence == f"it was raised at {snippet.failing().place} while KeyError: 'plan' was handled"
    before = snippet.run().error
    assert before is not None
    assert (before.__cause__, type(before.__context__)) == (None, KeyError)
    mended = snippet.mended(found)
    assert after in mended.text
    error = mended.run().error
    assert type(error).__name__ == "Declined"
    assert isinstance(error.__cause__, KeyError)


def test_an_exception_without_a_name(tmp_path: Path) -> None:
    code = f"{HEAD}def main():\n    try:\n        {{}}['plan']\n    except KeyError:\n        raise Declined()\n"
    (found,) = Snippet(tmp_path, code).suggestions()
    assert found.title == "Name the exception in the except clause, and raise from it"
    assert found.edit is None


@pytest.mark.parametrize(
    "body",
    [
        # It says so already, or says that there is none.
        "    try:\n        {}['plan']\n    except KeyError as err:\n        raise Declined() from err\n",
        "    try:\n        {}['plan']\n    except KeyError as err:\n        raise Declined() from None\n",
        # The same exception again.
        "    try:\n        raise Declined()\n    except Declined as err:\n        raise err\n",
        "    try:\n        raise Declined()\n    except Declined:\n        raise\n",
        # Nothing was being handled.
        "    raise Declined()\n",
        "    try:\n        raise Declined()\n    finally:\n        pass\n",
        # In another function's handler.
        "    def fail():\n        raise Declined()\n    try:\n        {}['plan']\n"
        "    except KeyError as err:\n        fail()\n",
        # The name stands for something else by then.
        "    try:\n        {}['plan']\n    except KeyError as err:\n        err = 'x'\n        raise Declined(err)\n",
    ],
)
def test_where_it_would_be_wrong(body: str, tmp_path: Path) -> None:
    found = Snippet(tmp_path, f"{HEAD}def main():\n{body}").suggestions()
    assert not any("aise" in each.title for each in found)
