"""A folder with a page that finds people in the browser, without a server behind it."""

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections import Counter
from pathlib import Path

import cv2

from ..utils.errors import InputError
from ..utils.images import image_problem
from ..utils.io import write_bytes, write_json
from ..weights.download import make_folder
from ..weights.zoo import home
from .onnx_detector import OnnxDetector

SITE = Path(__file__).parent / 'site'
# onnxruntime-web, from its package on npm, as published
VERSION = '1.30.0'
SHA512 = 'q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=='
RUNTIME = ('ort.wasm.min.mjs', 'ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm')


def write_site(
    model: str, out: str, colors: list[tuple], samples: list[str], archive: str | None = None
) -> None:
    """Write the page, its model and what runs it.

    Args:
        model: an ONNX file that ``directpose export`` wrote.
        out: folder.
        colors: of the people, RGB.
        samples: images that the page offers.
        archive: onnxruntime-web's package; by default ``npm pack`` gets it once.

    Raises:
        InputError: a file cannot be used, or the package cannot be had.
    """
    facts = read_facts(model)
    twice = [name for name, count in Counter(Path(s).name for s in samples).items() if count > 1]
    if twice:
        raise InputError(f'--samples: {twice[0]} is there twice; give each another name')
    for sample in samples:
        problem = image_problem(sample)
        if problem or cv2.imread(sample) is None:
            raise InputError(f'--samples: {sample} {problem or "is no image"}')
    runtime = find_runtime(archive)
    for path in filter(Path.is_file, SITE.rglob('*')):
        copy(path, Path(out, path.relative_to(SITE)))
    for name in RUNTIME:
        copy(runtime / name, Path(out, 'ort', name))
    for sample in samples:
        copy(Path(sample), Path(out, 'samples', Path(sample).name))
    copy(Path(model), Path(out, 'model.onnx'))
    wanted = ('short_side', 'long_side', 'pixel_areas', 'padding', 'keypoints', 'limbs')
    page = {name: facts.get(name) for name in wanted}
    write_json(
        page
        | dict(
            name=facts.get('config', Path(model).name).removesuffix('.py'),
            bytes=os.path.getsize(model),
            colors=['rgb({}, {}, {})'.format(*color) for color in colors],
            samples=[Path(sample).name for sample in samples],
        ),
        Path(out, 'model.json'),
    )


def read_facts(model: str) -> dict:
    """What an exported model says of itself.

    Raises:
        InputError: onnxruntime cannot read it, or it is of another program.
    """
    if not os.path.exists(model):
        raise InputError(f'{model} does not exist; write it with directpose export')
    try:
        return OnnxDetector(model).facts
    except ImportError as error:
        raise InputError(f'{error}; pip install "directpose[onnx]"') from error
    except ValueError as error:
        raise InputError(str(error)) from error
    except Exception as error:  # onnxruntime's have no common class
        raise InputError(f'{model} is no model that onnxruntime can read ({error})') from error


def copy(source: Path, target: Path) -> None:
    """Copy a file, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(source.read_bytes(), target)


def find_runtime(archive: str | None) -> Path:
    """Folder of the files of onnxruntime-web; they are fetched and kept when first needed.

    Raises:
        InputError: they cannot be had.
    """
    folder = home() / f'onnxruntime-web-{VERSION}'
    if all((folder / name).exists() for name in RUNTIME):
        return folder
    with tempfile.TemporaryDirectory() as temporary:
        unpack(Path(archive) if archive else pack(temporary), folder)
    return folder


def pack(folder: str) -> Path:
    """Fetch the package with npm, from where npm is told to fetch."""
    otherwise = f'or give --runtime onnxruntime-web-{VERSION}.tgz, as npm pack writes it elsewhere'
    npm = shutil.which('npm')
    if npm is None:
        raise InputError(f'directpose web needs npm once, to fetch onnxruntime-web; {otherwise}')
    done = subprocess.run(
        [npm, 'pack', f'onnxruntime-web@{VERSION}', '--silent', '--pack-destination', folder],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise InputError(f'npm cannot fetch onnxruntime-web ({" ".join(reason)}); {otherwise}')
    return Path(folder, f'onnxruntime-web-{VERSION}.tgz')


def unpack(archive: Path, folder: Path) -> None:
    """Take what is needed out of the package, after a check that it is the published one."""
    if not archive.is_file():
        raise InputError(f'--runtime {archive} does not exist')
    content = archive.read_bytes()
    if base64.b64encode(hashlib.sha512(content).digest()).decode() != SHA512:
        raise InputError(f'{archive} is not onnxruntime-web {VERSION} as it was published')
    make_folder(folder)
    with tarfile.open(archive) as package:
        for name in RUNTIME:
            write_bytes(package.extractfile(f'package/dist/{name}').read(), folder / name)
