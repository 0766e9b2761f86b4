"""The app answers over HTTP, to several at once, and refuses what it should."""

import argparse
import json
import socket
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import pytest
from directpose.apis.inference import detect, load_model
from directpose.apis.video import VideoWriter, frames, open_video
from directpose.cli import app as cli
from directpose.utils.errors import InputError
from helpers.browser import open_browser
from helpers.commands import CONFIG
from mmengine.logging import MMLogger

gradio_client = pytest.importorskip('gradio_client', reason='no gradio: directpose[app]')


@pytest.fixture(scope='module')
def served(trained, tmp_path_factory):
    """Address of the app with a small model, and its folder."""
    folder = tmp_path_factory.mktemp('app')
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('GRADIO_TEMP_DIR', str(folder))
        patch.setenv('GRADIO_ANALYTICS_ENABLED', 'False')
        args = cli.parse_args([CONFIG, str(trained / 'epoch_1.pth'), '--port', str(port)])
        args.max_mb, args.max_megapixels, args.max_frames = 1, 1, 3
        page = cli.serve(args, str(folder), wait=False)
        MMLogger.get_instance('app')  # uvicorn closes the files of the loggers that are there
        yield f'http://127.0.0.1:{port}', folder
        page.close()


@pytest.fixture
def client(served):
    return gradio_client.Client(served[0], verbose=False)


def ask(client, kind, path, *more):
    return client.predict(gradio_client.handle_file(str(path)), 0.0, 0.0, *more, api_name=kind)


@pytest.fixture
def photo(synthetic_set):
    return synthetic_set / 'images/000001.jpg'


def test_requests_of_several_kinds_do_not_share_a_picture(photo, trained, tmp_path):
    from directpose.apis.app import App

    film = str(tmp_path / 'film.mp4')
    image = cv2.imread(str(photo))
    with VideoWriter(film, 5) as writer:
        writer.write(image)
    model = load_model(CONFIG, str(trained / 'epoch_1.pth'), 'cpu')
    app = App(model, str(tmp_path), max_pixels=10**6, max_frames=3)
    with mock.patch('directpose.apis.app.draw_tracked', return_value=image) as drawn:
        app.photo(str(photo), 0.3, 0.3)
        app.frame(image, 0.3, 0.3)
        app.video(film, 0.3, 0.3, smooth=False, progress=mock.Mock())
    assert len({id(call.args[0]) for call in drawn.call_args_list}) == drawn.call_count == 3


def test_a_port_that_is_taken(served):
    args = cli.parse_args([CONFIG, 'unused.pth', '--port', served[0].rpartition(':')[2]])
    with (
        mock.patch.object(cli, 'load_model'),
        mock.patch.object(cli, 'keypoint_threshold', return_value=0.5),
        mock.patch('directpose.apis.app.App.__init__', return_value=None),
        mock.patch('directpose.apis.app.build_app') as build,
        pytest.raises(InputError, match='give another --port'),
    ):
        build.return_value.launch.side_effect = OSError('Cannot find empty port')
        cli.serve(args, 'folder', wait=False)
    with pytest.raises(SystemExit):
        cli.parse_args(['--port', '70000'])


def test_a_photo(client, photo, trained):
    picture, table, records = ask(client, '/photo', photo)
    image = cv2.imread(str(photo))
    sample = detect(load_model(CONFIG, str(trained / 'epoch_1.pth'), 'cpu'), image, 0.0)
    people = json.loads(Path(records).read_text())
    assert len(table['data']) == len(people['annotations']) == len(sample.pred_instances)
    assert people['images'][0]['width'] == image.shape[1]
    assert cv2.imread(picture).shape == image.shape


def test_a_photo_of_16_bits(client, photo, tmp_path):
    """As RGB, gradio would make it white."""
    path, picture = tmp_path / 'deep.png', cv2.imread(str(photo), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(path), picture.astype(np.uint16) * 256)
    shown = cv2.imread(ask(client, '/photo', path)[0])
    assert abs(shown.mean() - picture.mean()) < 10


def test_several_at_once_get_their_own_answers(served, synthetic_set):
    photos = sorted((synthetic_set / 'images').iterdir())[:4]

    def shape(path):
        client = gradio_client.Client(served[0], verbose=False)
        records = json.loads(Path(ask(client, '/photo', path)[2]).read_text())
        return records['images'][0]['height'], records['images'][0]['width']

    with ThreadPoolExecutor(4) as pool:
        shapes = list(pool.map(shape, photos))
    assert shapes == [cv2.imread(str(path)).shape[:2] for path in photos]


def test_a_video(client, photo, tmp_path):
    path = tmp_path / 'walk.mp4'
    with VideoWriter(str(path), 5) as writer:
        for _ in range(5):
            writer.write(cv2.imread(str(photo)))
    video, records = ask(client, '/video', path, True)
    with open_video(video) as capture:
        assert len(list(frames(capture))) == 3  # at most
    people = json.loads(Path(records).read_text())
    assert [image['frame'] for image in people['images']] == [1, 2, 3]


def bomb(path):
    """A PNG of a few kilobytes that says it has 900 megapixels."""

    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', check)

    head = struct.pack('>IIBBBBB', 30000, 30000, 8, 0, 0, 0, 0)
    content = zlib.compress(bytes(30001 * 100))
    path.write_bytes(
        b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', content) + chunk(b'IEND', b'')
    )


def test_what_is_refused(client, tmp_path):
    bomb(tmp_path / 'bomb.png')
    (tmp_path / 'text.jpg').write_text('no photo')
    cv2.imwrite(str(tmp_path / 'large.png'), np.zeros((1200, 1000, 3), np.uint8))
    for name, words in (
        ('bomb.png', 'not an image, or far too large'),
        ('text.jpg', 'not an image'),
        ('large.png', '1000 × 1200 pixels are more than the 1 megapixels'),
    ):
        with pytest.raises(Exception, match=f'(?i){words}'):
            ask(client, '/photo', tmp_path / name)
    with pytest.raises(Exception, match='1000 × 1200 pixels are more than the 1 megapixels'):
        ask(client, '/frame', tmp_path / 'large.png')
    (tmp_path / 'heavy.png').write_bytes(bytes(2 * 10**6))
    with pytest.raises(Exception, match=r'(?i)size|large|413|exceeds'):
        ask(client, '/photo', tmp_path / 'heavy.png')
    (tmp_path / 'film.mp4').write_bytes(b'no film')
    with pytest.raises(Exception, match=r'no video that OpenCV can open'):
        ask(client, '/video', tmp_path / 'film.mp4', True)


def test_only_this_machine_by_default():
    args = cli.parse_args([])
    assert isinstance(args, argparse.Namespace) and args.host == '127.0.0.1'


def test_in_the_browser(served, photo):
    with open_browser() as browser:
        page = browser.new_page()
        page.goto(served[0])
        page.get_by_role('tab', name='Photo').wait_for(timeout=60000)
        page.locator('input[type=file]').first.set_input_files(str(photo))
        page.locator('img').first.wait_for()  # it is uploaded
        with page.expect_response(lambda response: '/queue/data' in response.url, timeout=60000):
            page.get_by_role('button', name='Find people').first.click()
        page.locator('a[href*="people.json"]').first.wait_for(timeout=60000)
        for tab in ('Video', 'Webcam'):
            page.get_by_role('tab', name=tab).click()
            assert page.get_by_role('tab', name=tab).get_attribute('aria-selected') == 'true'
