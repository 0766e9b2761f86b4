"""Small models and labels that several test files use."""

import torch
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

COCO_GROUPS = ((0, 1, 2, 3, 4), (5,), (7, 9), (6,), (8, 10), (11,), (13, 15), (12,), (14, 16))
TEST_CFG = dict(score_thr=0.05, nms_pre=1000, iou_thr=0.6, max_per_img=100)
VISIBILITY = dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True)
GIOU = dict(type='mmdet.GIoULoss')
SIZES = ((32, 40), (16, 20), (8, 10), (4, 5), (2, 3))  # (H, W) of the levels of 256 x 320 pixels


def build_head(channels=32, group_channels=8, groups=COCO_GROUPS, num_keypoints=17, **options):
    """A DirectPoseHead of few channels; ``options`` override its arguments."""
    predictor = dict(type='mmdet.KPAlign', groups=groups, group_channels=group_channels)
    arguments = dict(
        type='mmdet.DirectPoseHead',
        num_keypoints=num_keypoints,
        kpt_predictor=predictor,
        in_channels=channels,
        feat_channels=channels,
        test_cfg=TEST_CFG,
    )
    return MODELS.build(arguments | options)


def naive_options(channels=32):
    """Options of :func:`build_head` for the head without alignment."""
    return dict(kpt_predictor=dict(type='mmdet.KeypointConv', in_channels=channels))


def v2_options(channels=32, num_keypoints=17, **options):
    """Options of :func:`build_head` for DirectPose v2."""
    predictor = dict(type='mmdet.IteratedKPAlign', iterations=2, group_channels=channels // 4)
    if num_keypoints == 17:
        predictor['groups'] = COCO_GROUPS
    return dict(
        type='mmdet.DirectPoseV2Head',
        kpt_predictor=predictor,
        num_keypoints=num_keypoints,
        sigmas=[0.05] * num_keypoints,
        loss_oks=dict(type='mmdet.OKSLoss', loss_weight=2.0),
        loss_vis=VISIBILITY,
        vis_target=dict(type='mmdet.FoundKeypoints'),
        **options,
    )


def random_feats(batch=2, channels=32, sizes=SIZES, dtype=torch.float32):
    return [torch.randn(batch, channels, *size, dtype=dtype) for size in sizes]


def people(*boxes, num_keypoints=17, labelled=None):
    """Labels of people whose keypoints are spread over their boxes (x1, y1, x2, y2)."""
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    share = torch.rand(len(boxes), num_keypoints, 2)
    share[:, 0], share[:, 1] = 0, 1  # two keypoints in the corners
    keypoints = boxes[:, None, :2] + share * (boxes[:, None, 2:] - boxes[:, None, :2])
    visible = torch.ones(len(boxes), num_keypoints)
    if labelled is not None:
        visible[:, labelled:] = 0
    return InstanceData(
        bboxes=boxes,
        labels=torch.zeros(len(boxes), dtype=torch.long),
        keypoints=keypoints,
        keypoints_visible=visible,
    )


def sample_of(labels: InstanceData, img_shape=(256, 320)) -> PoseDataSample:
    """A data sample with these labels, whose network input is the image itself."""
    height, width = img_shape
    sample = PoseDataSample(
        metainfo=dict(
            img_shape=img_shape,
            ori_shape=img_shape,
            pad_shape=img_shape,
            batch_input_shape=img_shape,
            input_size=(width, height),
            input_center=(width / 2, height / 2),
            input_scale=(width, height),
        )
    )
    sample.gt_instance_labels = labels
    return sample
