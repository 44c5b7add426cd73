"""Tables as a reader types them: a column for each call, a row for each state."""


def cells(table: str) -> list[tuple[str, str, str]]:
    """The state, the call and the cell of every cell of *table*."""
    header, *rows = (line.split() for line in table.strip().splitlines())
    return [(state, call, cell) for state, *row in rows for call, cell in zip(header[1:], row, strict=True)]
