"""Write the part of a COCO annotation file whose images have a field of given values.

python tools/dev/coco_subset.py SRC DST --where annotation_source=coco,coco_joined
"""

import argparse
import os

from directpose.utils.errors import InputError, exit_on_input_error
from directpose.utils.io import read_json, write_json


def parse_args(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('src', help='COCO annotation file')
    parser.add_argument('dst', help='file to write')
    parser.add_argument(
        '--where',
        required=True,
        metavar='FIELD=VALUE[,VALUE…]',
        help='keep the images whose FIELD is one of the values',
    )
    return parser.parse_args(argv)


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    field, _, values = args.where.partition('=')
    coco = read_json(args.src)
    images = [i for i in coco['images'] if str(i.get(field)) in values.split(',')]
    if not images:
        raise InputError(f'no image of {args.src} has {field} in {values}; check --where')
    ids = {image['id'] for image in images}
    annotations = [a for a in coco['annotations'] if a['image_id'] in ids]
    os.makedirs(os.path.dirname(args.dst) or '.', exist_ok=True)
    write_json({**coco, 'images': images, 'annotations': annotations}, args.dst)
    print(f'{len(images)} images and {len(annotations)} annotations are in {args.dst}')


if __name__ == '__main__':
    main()
