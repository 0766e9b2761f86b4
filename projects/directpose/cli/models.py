"""Published models by name.

    directpose models

The weights are their publishers'. They are downloaded when they are first used, checked, converted,
and kept in DIRECTPOSE_HOME.
"""

import argparse

from ..utils.errors import exit_on_input_error
from ..weights.zoo import DEFAULT, MODELS, home, kept


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    return parser.parse_args(argv)


def table(rows: list[list[str]]) -> str:
    """Rows in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = [[c.ljust(w) for c, w in zip(row, widths, strict=True)] for row in rows]
    return '\n'.join('  '.join(row).rstrip() for row in padded)


@exit_on_input_error
def main(argv=None):
    parse_args(argv)
    rows = [['name', 'model', 'AP', 'download', 'here', 'licence (as stated)']]
    for model in MODELS.values():
        name = model.name + ' (default)' * (model.name == DEFAULT)
        size = 'by hand' if model.by_hand else model.size
        here = 'yes' if kept(model).exists() else 'no'
        rows.append([name, model.what, model.ap or '–', size, here, model.licence])
    print(table(rows))
    print(f'\nAP: keypoints, COCO val2017, in percent, as published. Models are kept in {home()}')
    for model in MODELS.values():
        if model.by_hand:
            print(f'{model.name}: {model.file}, see {model.url}')
