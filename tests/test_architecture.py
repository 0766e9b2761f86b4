"""Imports inside of the package point downwards only, as docs/architecture.md says."""

import ast
from pathlib import Path

LAYERS = (
    ('utils',),
    ('datasets', 'weights'),
    ('models', 'evaluation', 'validation'),
    ('deploy',),
    ('apis', 'engine', 'benchmark'),
    ('cli',),
)
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}


def imports(path: Path, package: Path):
    """Rooms of the package that a file imports from."""
    here = path.relative_to(package).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) - node.level + 1]
            parts = (*base, *(node.module or '').split('.'))
            yield parts[0]


def test_imports_point_downwards(root):
    package = root / 'projects/directpose'
    rooms = {path.name for path in package.iterdir() if (path / '__init__.py').exists()}
    assert rooms == set(RANK)
    upwards = [
        f'{path.relative_to(package)} imports {room}'
        for path in package.glob('*/**/*.py')
        for room in imports(path, package)
        if room in RANK
        and room != path.relative_to(package).parts[0]
        and RANK[room] >= RANK[path.relative_to(package).parts[0]]
    ]
    assert upwards == []
