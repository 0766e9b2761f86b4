"""The page finds the same people as Python, in a real browser."""

import json

import cv2
import numpy as np
import pytest
import torch
from directpose.cli.web import main, make_server
from directpose.deploy import web
from directpose.deploy.onnx_detector import OnnxDetector
from directpose.utils.errors import InputError
from helpers.browser import open_browser, serving
from helpers.commands import ROOT, call
from mmengine.config import Config
from mmpose.apis import init_model

CONFIG = 'configs/directpose_v2/directposev2_tiny_1xb4-5e_synthetic-256x320.py'


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """Path of a small model as ONNX, with random weights in whose people scores differ."""
    folder = tmp_path_factory.mktemp('web')
    cfg = Config.fromfile(ROOT / CONFIG)
    cfg.model.test_cfg.score_thr = 0.0
    cfg.dump(folder / 'small.py')
    torch.manual_seed(0)
    network = init_model(cfg, device='cpu')
    head = network.bbox_head
    for layer, std in ((head.conv_cls, 0.05), (head.kpt_predictor, 0.05)):
        for weight in (w for w in layer.parameters() if w.ndim > 1):
            torch.nn.init.normal_(weight, std=std)
    torch.save(dict(state_dict=network.state_dict()), folder / 'small.pth')
    done = call('export_onnx', folder / 'small.py', folder / 'small.pth', folder / 'small.onnx')
    assert done.returncode == 0, done.stderr
    return folder / 'small.onnx'


@pytest.fixture(scope='module')
def photos(synthetic_set, tmp_path_factory):
    """Ten photos: eight scenes, a portrait, and one of 12 megapixels."""
    folder = tmp_path_factory.mktemp('photos')
    scenes = [cv2.imread(str(p)) for p in sorted((synthetic_set / 'images').iterdir())][:10]
    scenes[8] = cv2.resize(scenes[8][:, :160], (480, 960))
    scenes[9] = cv2.resize(scenes[9], (4000, 3000), interpolation=cv2.INTER_CUBIC)
    for number, scene in enumerate(scenes):
        cv2.imwrite(str(folder / f'{number}.jpg'), scene, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return sorted(folder.iterdir())


@pytest.fixture(scope='module')
def site(model, photos, tmp_path_factory):
    out = tmp_path_factory.mktemp('site')
    try:
        web.find_runtime(None)
    except InputError as error:
        pytest.skip(str(error))
    main([str(model), '--out', str(out), '--samples', str(photos[0]), str(photos[8])])
    return out


@pytest.fixture(scope='module')
def browser():
    with open_browser() as found:
        yield found


@pytest.fixture
def page(site, browser):
    """The page, with its model loaded; it asks nothing of any other host."""
    with serving(make_server(str(site), 0)) as address:
        context = browser.new_context()
        tab = context.new_page()
        asked, problems = [], []
        tab.on('request', lambda request: asked.append(request.url))
        tab.on('pageerror', lambda error: problems.append(str(error)))
        tab.goto(address)
        tab.wait_for_selector('body[data-ready=true]', timeout=60000)
        yield tab
        context.close()
        assert not problems
        assert all(url.startswith((address, 'blob:', 'data:')) for url in asked)


def people_in(page, photo):
    """What the page saves as JSON for a photo, of everybody."""
    for slider in ('person', 'keypoint'):
        page.eval_on_selector(
            f'#{slider}', 'e => { e.value = 0; e.dispatchEvent(new Event("input")); }'
        )
    page.set_input_files('#file', str(photo))
    page.wait_for_function(
        'name => document.getElementById("status").textContent.includes(` in ${name}, found`)',
        arg=photo.name,
        timeout=60000,
    )
    with page.expect_download() as download:
        page.click('#json')
    assert download.value.suggested_filename == f'{photo.stem}.json'
    return json.loads(download.value.path().read_text())


def test_ten_photos(page, photos, model):
    detector = OnnxDetector(str(model))
    for photo in photos:
        (expected,) = detector([cv2.imread(str(photo))])
        found = people_in(page, photo)
        height, width = cv2.imread(str(photo)).shape[:2]
        image = dict(id=1, file_name=photo.name, width=width, height=height)
        assert found['images'] == [image]
        people = found['annotations']
        assert len(people) == len(expected['scores']) > 3
        points = np.array([p['keypoints'] for p in people]).reshape(len(people), -1, 3)
        scores = np.array([p['score'] for p in people])
        for score, truth in zip(expected['scores'], expected['keypoints'], strict=True):
            apart = np.abs(points[..., :2] - truth[:, :2]).max((1, 2))
            assert apart.min() < 0.5, photo.name
            assert abs(scores[apart.argmin()] - score) < 1e-3
    assert 'WebAssembly with' in page.text_content('#backend')


def test_sliders_and_pictures(page, photos, model):
    (expected,) = OnnxDetector(str(model))([cv2.imread(str(photos[0]))])
    page.select_option('#sample', 'samples/0.jpg')
    page.wait_for_selector('#people li', state='attached')
    threshold = float(np.sort(expected['scores'])[-2]) - 1e-3  # two people are above it
    page.eval_on_selector(
        '#person',
        f'e => {{ e.step = "any"; e.value = {threshold}; e.dispatchEvent(new Event("input")); }}',
    )
    assert page.locator('#people li').count() == 2
    assert page.text_content('#status').startswith('2 people in 0.jpg')
    with page.expect_download() as download:
        page.click('#png')
    picture, photo = cv2.imread(str(download.value.path())), cv2.imread(str(photos[0]))
    assert picture.shape == photo.shape and np.abs(picture.astype(int) - photo).max() > 50


def test_camera(page):
    page.click('#camera')
    page.wait_for_function(
        '() => document.getElementById("status").textContent.includes("in camera, found")',
        timeout=60000,
    )
    assert page.get_attribute('#camera', 'aria-pressed') == 'true'
    assert page.is_disabled('#file')
    page.click('#camera')
    assert page.text_content('#camera') == 'Camera on' and page.is_enabled('#file')


def test_what_is_no_photo_and_a_photo_too_soon(page, photos, tmp_path):
    text = tmp_path / 'text.jpg'
    text.write_text('no photo')
    page.set_input_files('#file', str(text))
    wait_for_error(page, 'text.jpg is not an image that this browser can read.')
    page.set_input_files('#file', str(photos[9]))
    page.set_input_files('#file', str(photos[0]))
    wait_for_error(page, 'Still looking for people in 9.jpg; give 0.jpg again when that is done.')
    page.wait_for_function('() => document.getElementById("status").textContent.includes("in 9")')


def wait_for_error(page, words):
    page.wait_for_function(
        'words => document.getElementById("error").textContent == words', arg=words, timeout=30000
    )


def test_a_broken_model(site, browser, tmp_path):
    for name in ('index.html', 'page.css', 'page.js', 'worker.js', 'model.json'):
        web.copy(site / name, tmp_path / name)
    for path in (site / 'ort').iterdir():
        web.copy(path, tmp_path / 'ort' / path.name)
    size = json.loads((site / 'model.json').read_text())['bytes']
    for content, words in ((b'x' * size, ''), (b'x' * 9, 'model.onnx is not whole.'), (None, '')):
        if content is None:
            (tmp_path / 'model.onnx').unlink()
            words = 'model.onnx is missing beside this page.'
        else:
            (tmp_path / 'model.onnx').write_bytes(content)
        with serving(make_server(str(tmp_path), 0)) as address:
            page = browser.new_page()
            page.goto(address)
            page.wait_for_selector('#error:not(:empty)', timeout=60000)
            told = page.text_content('#error')
            assert told.startswith('The model cannot be used: ') and told.endswith(words)
            assert page.is_disabled('#file')
            page.close()


def test_a_keyboard_is_enough(page):
    """Everything to be used can be reached, and has a name."""
    page.wait_for_selector('#file:enabled', state='attached')
    reached = []
    for _ in range(5):
        page.keyboard.press('Tab')
        reached.append(page.evaluate('document.activeElement.id'))
    assert reached == ['file', 'sample', 'camera', 'person', 'keypoint']
    names = page.evaluate(
        '[...document.querySelectorAll("input, select, button")].map('
        'e => (e.labels?.[0]?.textContent ?? e.textContent).trim())'
    )
    assert all(names)


@pytest.mark.parametrize(
    ('name', 'content', 'words'),
    [
        ('gone.onnx', None, 'does not exist; write it with directpose export'),
        ('text.onnx', b'text', 'is no model that onnxruntime can read'),
    ],
)
def test_files_that_are_no_models(name, content, words, tmp_path):
    if content:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SystemExit, match=words):
        main([str(tmp_path / name), '--out', str(tmp_path / 'site')])


def test_the_runtime_is_the_published_one(model, tmp_path, monkeypatch):
    monkeypatch.setenv('DIRECTPOSE_HOME', str(tmp_path / 'home'))
    (tmp_path / 'other.tgz').write_bytes(b'something else')
    arguments = [str(model), '--out', str(tmp_path / 'site'), '--runtime']
    with pytest.raises(SystemExit, match=r'other.tgz is not onnxruntime-web 1.30.0'):
        main([*arguments, str(tmp_path / 'other.tgz')])
    with pytest.raises(SystemExit, match=r'gone.tgz does not exist'):
        main([*arguments, str(tmp_path / 'gone.tgz')])
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(SystemExit, match='needs npm once'):
        main(arguments[:-1])


def test_samples_have_different_names(model, tmp_path):
    for folder in ('a', 'b'):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / 'c.jpg'), np.zeros((8, 8, 3), np.uint8))
    samples = [str(tmp_path / folder / 'c.jpg') for folder in ('a', 'b')]
    with pytest.raises(SystemExit, match=r'--samples: c\.jpg is there twice'):
        main([str(model), '--out', str(tmp_path / 'out'), '--samples', *samples])


def test_samples_are_pictures(model, tmp_path):
    (tmp_path / 'text.jpg').write_text('text')
    with pytest.raises(SystemExit, match=r'--samples: .*text.jpg'):
        main([str(model), '--out', str(tmp_path / 's'), '--samples', str(tmp_path / 'text.jpg')])
