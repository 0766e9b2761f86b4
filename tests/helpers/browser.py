"""A browser for tests of pages, where one is installed."""

import contextlib
import shutil
import threading

import pytest

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')


@contextlib.contextmanager
def open_browser():
    """Chromium without a window, with a camera that shows a test picture; else the test skips."""
    sync_api = pytest.importorskip('playwright.sync_api', reason='no playwright')
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip('no browser; on Debian: apt-get install chromium')
    camera = ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream']
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=['--no-sandbox', '--disable-gpu', *camera]
        )
        yield browser
        browser.close()


@contextlib.contextmanager
def serving(server):
    """Address of a server that answers in another thread."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f'http://localhost:{server.server_address[1]}'
    server.shutdown()
    server.server_close()
