_base_ = ['./coco_keypoints_800.py']

# RTMO's augmentation: four images in one and two on top of each other; the last epochs see whole
# images, which the PipelineSwitchHook of a config begins
input_size = (640, 640)
load = [
    dict(type='LoadImageFile'),
    dict(type='IgnoreCrowds'),
    dict(type='PseudoBoxes'),
]
pack = [
    dict(type='YOLOXHSVRandomAug'),
    dict(type='RandomFlip'),
    dict(type='FilterAnnotations', by_kpt=True, by_box=True, keep_empty=False),
    dict(type='GenerateTarget', encoder=_base_.codec),
    dict(type='PackPoseInputs', meta_keys=_base_.meta_keys),
]
train_pipeline = [
    *load,
    dict(type='Mosaic', img_scale=input_size, pre_transform=load),
    dict(
        type='BottomupRandomAffine',
        input_size=input_size,
        shift_factor=0.1,
        rotate_factor=10,
        scale_factor=(0.75, 1.0),
        pad_val=114,
        distribution='uniform',
        transform_mode='perspective',
        bbox_keep_corner=False,
        clip_border=True),
    dict(
        type='YOLOXMixUp',
        img_scale=input_size,
        ratio_range=(0.8, 1.6),
        pre_transform=load),
    *pack,
]
last_epochs_pipeline = [
    *load,
    dict(
        type='BottomupRandomAffine',
        input_size=input_size,
        shift_prob=0,
        rotate_prob=0,
        scale_prob=0,
        scale_type='long',
        pad_val=114,
        bbox_keep_corner=False,
        clip_border=True),
    *pack,
]
val_pipeline = __import__('directpose').override_by_type(
    _base_.val_pipeline, ResizeKeepRatio=dict(short_side=640, long_side=640))

train_dataloader = dict(
    batch_size=32, num_workers=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
