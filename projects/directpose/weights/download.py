"""Downloading files whose hash is known."""

import errno
import hashlib
import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from ..utils.errors import InputError

CHUNK = 2**20
ATTEMPTS = 3  # of a transfer that breaks off; each goes on where the one before ended
TIMEOUT = 30  # seconds without a byte


def fetch(url: str, path: Path, algorithm: str, digest: str, advice: str) -> None:
    """Download a file; the name appears when it is whole and its hash right.

    A transfer that broke off is continued, also by another process later.

    Args:
        url: address.
        path: of the file.
        algorithm: of :mod:`hashlib`.
        digest: how the hash begins, in hexadecimal.
        advice: what else can be done, for the sentence of an error.

    Raises:
        InputError: the file cannot be had, or is not the one that was published.
    """
    make_folder(path.parent)
    part = path.with_name(path.name + '.part')
    for attempt in range(1, ATTEMPTS + 1):
        try:
            transfer(url, part)
            break
        except ConnectionError as error:
            if attempt == ATTEMPTS:
                raise InputError(
                    f'the transfer of {url} broke off ({error}); the same command continues it, '
                    f'or {advice}'
                ) from error
        except OSError as error:
            raise download_error(error, url, part, advice) from error
        except (ValueError, http.client.HTTPException) as error:  # no address, or no answer of HTTP
            raise InputError(f'cannot download {url} ({error}); {advice}') from error
    if not file_hash(part, algorithm).startswith(digest):
        part.unlink()
        raise InputError(
            f'what {url} gave is not the published file: its {algorithm} does not begin with '
            f'{digest}; nothing was kept; {advice}'
        )
    os.replace(part, path)


def make_folder(path: Path) -> None:
    """Make a folder for what is downloaded.

    Raises:
        InputError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f'cannot make {path} ({error.strerror}), where downloads are kept; set '
            'DIRECTPOSE_HOME to another folder'
        ) from error


def transfer(url: str, part: Path) -> None:
    """Fetch the rest of a file.

    Args:
        url: address.
        part: what there is of it, appended to.

    Raises:
        ConnectionError: it broke off before the end.
        OSError: the server or the disk refuses.
    """
    there = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={'Range': f'bytes={there}-'} if there else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        part.unlink()  # longer than the file: of another one
        raise ConnectionResetError('the part that was here did not fit') from error
    with response:
        if response.status != http.client.PARTIAL_CONTENT:
            there = 0  # the server begins anew
        length = response.headers.get('Content-Length')
        total = None if length is None else there + int(length)
        with (
            open(part, 'ab' if there else 'wb') as file,
            tqdm(
                desc=os.path.basename(part)[: -len('.part')],
                total=total,
                initial=there,
                unit='B',
                unit_scale=True,
            ) as progress,
        ):
            while chunk := read_chunk(response):
                file.write(chunk)
                progress.update(len(chunk))
            if total is not None and progress.n < total:
                raise ConnectionAbortedError(f'after {progress.n} of {total} bytes')


def read_chunk(response) -> bytes:
    """The next bytes of a response, none at its end.

    Raises:
        ConnectionError: it broke off.
    """
    try:
        return response.read1(CHUNK)
    except (http.client.HTTPException, TimeoutError) as error:
        raise ConnectionAbortedError(str(error) or 'no answer') from error


def download_error(error: OSError, url: str, part: Path, advice: str) -> InputError:
    """What went wrong, in a sentence."""
    if error.errno == errno.ENOSPC:
        part.unlink(missing_ok=True)
        return InputError(f'no space for {url} in {part.parent}; make room, or {advice}')
    if isinstance(error, urllib.error.HTTPError):
        return InputError(f'{url} answers {error.code} ({error.reason}); {advice}')
    reason = getattr(error, 'reason', None) or error.strerror or error
    return InputError(f'cannot download {url} ({reason}); {advice}')


def file_hash(path: Path, algorithm: str = 'sha256') -> str:
    """Hash of a file, in hexadecimal."""
    digest = hashlib.new(algorithm)
    with open(path, 'rb') as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
