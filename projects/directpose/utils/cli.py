"""Kinds of numbers for argparse, which tells the user about others."""


def positive(text: str) -> int:
    """A whole number of at least 1.

    Raises:
        ValueError: it is none.
    """
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def share(text: str) -> float:
    """A number from 0 to 1.

    Raises:
        ValueError: it is none.
    """
    if not 0 <= float(text) <= 1:
        raise ValueError(text)
    return float(text)


def not_negative(text: str) -> int:
    """A whole number of at least 0.

    Raises:
        ValueError: it is none.
    """
    if int(text) < 0:
        raise ValueError(text)
    return int(text)
