# The metainfo of a made-up object of five keypoints; see docs/custom_skeleton.md
dataset_info = dict(
    dataset_name='kite',
    keypoint_info={
        0: dict(name='top', color=[255, 128, 0]),
        1: dict(name='left', color=[0, 255, 0], swap='right'),
        2: dict(name='right', color=[51, 153, 255], swap='left'),
        3: dict(name='bottom', color=[255, 128, 0]),
        4: dict(name='tail', color=[255, 51, 51]),
    },
    skeleton_info={
        0: dict(link=('top', 'left')),
        1: dict(link=('top', 'right')),
        2: dict(link=('left', 'bottom')),
        3: dict(link=('right', 'bottom')),
        4: dict(link=('bottom', 'tail')),
    },
    joint_weights=[1.0] * 5,
    sigmas=[0.05] * 5)
