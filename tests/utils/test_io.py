"""Files are whole or not there."""

import errno
import os
from unittest import mock

import pytest
from directpose.utils.errors import InputError
from directpose.utils.io import atomic_write, write_json
from directpose.utils.storage import walk
from directpose.validation.config import ensure_writable_file


def test_old_file_stays_if_writing_fails(tmp_path):
    path = tmp_path / 'results.json'
    write_json([1], path)
    with (
        pytest.raises(InputError, match=r'results.json \(No space left .* untouched'),
        atomic_write(path) as partial,
    ):
        with open(partial, 'w') as file:
            file.write('half')
        raise OSError(28, 'No space left on device')
    assert path.read_text() == '[1]'
    assert list(tmp_path.iterdir()) == [path]


def test_names_as_long_as_they_can_be(tmp_path):
    path = tmp_path / ('x' * 250 + '.json')
    write_json([1], path)
    assert path.read_text() == '[1]'
    with pytest.raises(InputError, match='File name too long'):
        write_json([1], tmp_path / ('x' * 251 + '.json'))
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match='is a folder; give the name of a file'):
        write_json([1], tmp_path)
    with pytest.raises(InputError, match=r'--out .* is a folder'):
        ensure_writable_file(str(tmp_path), '--out')
    ensure_writable_file(str(tmp_path / 'new/file.json'), '--out')
    assert (tmp_path / 'new').is_dir()


def test_only_files_are_replaced(tmp_path):
    link = tmp_path / 'link.json'
    link.symlink_to(tmp_path / 'file.json')
    write_json([1], link)
    assert link.is_symlink() and (tmp_path / 'file.json').read_text() == '[1]'
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(InputError, match='is no file on a disk; give the name of a file'):
        write_json([1], tmp_path / 'pipe')


def test_what_is_no_file_is_known_before_the_work():
    with pytest.raises(InputError, match='--save-json /dev/null is no file on a disk'):
        ensure_writable_file('/dev/null', '--save-json')


def test_links_to_folders_are_followed_once(tmp_path):
    (tmp_path / 'real').mkdir()
    (tmp_path / 'real/a.jpg').touch()
    (tmp_path / 'set/folder.jpg').mkdir(parents=True)
    (tmp_path / 'set/link').symlink_to(tmp_path / 'real')
    (tmp_path / 'set/again').symlink_to(tmp_path / 'set')
    (tmp_path / 'set/up').symlink_to(tmp_path)
    assert list(walk(str(tmp_path / 'set'))) == [str(tmp_path / 'set/link/a.jpg')]


def test_folders_that_cannot_be_read_are_not_passed_over(tmp_path):
    (tmp_path / 'closed').mkdir()
    scan = os.scandir

    def refuse(folder):
        if str(folder).endswith('closed'):
            raise PermissionError(errno.EACCES, 'Permission denied', str(folder))
        return scan(folder)

    with (
        mock.patch('os.scandir', refuse),  # who runs the tests may be root
        pytest.raises(InputError, match=r'cannot read the folder .*closed \(Permission denied\)'),
    ):
        list(walk(str(tmp_path)))
    assert not list(walk(str(tmp_path / 'nowhere')))


def test_files_have_the_names_of_their_folders_not_of_links(tmp_path, monkeypatch):
    (tmp_path / 'real').mkdir()
    (tmp_path / 'real/a.jpg').touch()
    (tmp_path / 'alias').symlink_to(tmp_path / 'real')
    monkeypatch.chdir(tmp_path)
    assert list(walk('.')) == ['real/a.jpg']
