from .cvat import read_cvat
from .label_studio import read_label_studio
from .labelme import read_labelme
from .records import Labels, Person, Picture, Problem, Skeleton, to_coco
from .yolo_pose import read_yolo_pose

READERS = {
    'yolo-pose': read_yolo_pose,
    'labelme': read_labelme,
    'cvat': read_cvat,
    'label-studio': read_label_studio,
}

__all__ = ['READERS', 'Labels', 'Person', 'Picture', 'Problem', 'Skeleton', 'to_coco']
