"""Sales by month."""

SALES = {"2026-01": [1200, 3400], "2026-02": []}


class ReportUnavailable(Exception):
    pass


def average(sales):
    return sum(sales) / len(sales)  # <- fault: chained


def monthly(month):
    try:
        return {"month": month, "average": average(SALES[month])}
    except (KeyError, ZeroDivisionError) as error:
        raise ReportUnavailable(f"no report for {month}") from error  # <- fault: rethrown
