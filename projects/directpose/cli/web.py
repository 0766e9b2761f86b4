"""Write a static page that finds people in the browser.

    directpose web MODEL.onnx --out site/ [--samples PHOTO …] [--serve [PORT]]

MODEL.onnx is what directpose export wrote. The folder holds everything: the page, the model, and
onnxruntime-web with its licence, which npm fetches the first time. Photos stay in the browser.
Put the folder on any web server; --serve does it on this machine, at http://localhost:PORT.
"""

import argparse
import functools
import http.server
import os.path as osp

from ..apis.visualization import COLORS
from ..deploy.web import write_site
from ..utils.cli import port
from ..utils.errors import InputError, exit_on_input_error
from ..validation.config import ensure_writable_dir


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('model', help='an exported model')
    parser.add_argument('--out', default='site', help='folder to write to (default: %(default)s)')
    parser.add_argument('--samples', nargs='+', default=[], help='photos that the page offers')
    parser.add_argument('--runtime', help="onnxruntime-web's npm package, in place of a download")
    parser.add_argument(
        '--serve',
        nargs='?',
        type=port,
        const=8000,
        metavar='PORT',
        help='serve the folder to this machine (%(const)s)',
    )
    return parser.parse_args(argv)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files with the headers that WebAssembly needs for threads."""

    extensions_map = {  # noqa: RUF012
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        '.mjs': 'text/javascript',
        '.wasm': 'application/wasm',
    }

    def end_headers(self) -> None:
        """Also say that the page is isolated."""
        self.send_header('Cross-Origin-Opener-Policy', 'same-origin')
        self.send_header('Cross-Origin-Embedder-Policy', 'require-corp')
        self.send_header('Cache-Control', 'no-cache')
        super().end_headers()

    def log_message(self, *_) -> None:
        """Be quiet."""


def make_server(folder: str, port: int) -> http.server.ThreadingHTTPServer:
    """A server of a folder for this machine only.

    Raises:
        InputError: the port is taken.
    """
    handler = functools.partial(Handler, directory=folder)
    try:
        return http.server.ThreadingHTTPServer(('127.0.0.1', port), handler)
    except OSError as error:
        raise InputError(
            f'port {port} cannot be used ({error.strerror}); give --serve another'
        ) from error


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    ensure_writable_dir(args.out, '--out')
    write_site(args.model, args.out, list(COLORS), args.samples, args.runtime)
    print(f'the page is in {osp.join(args.out, "")}; it needs a web server, for example --serve')
    if args.serve:
        with make_server(args.out, args.serve) as server:
            print(f'http://localhost:{args.serve}, until Ctrl-C', flush=True)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                print()
