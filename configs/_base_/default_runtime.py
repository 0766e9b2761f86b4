_base_ = ['mmpose::_base_/default_runtime.py']

custom_imports = dict(imports=['directpose'], allow_failed_imports=False)

default_hooks = dict(
    checkpoint=dict(
        type='WholeCheckpointHook',
        interval=1,
        save_best='coco/AP',
        rule='greater',
        max_keep_ckpts=2),
    # To use it: --cfg-options default_hooks.badcase.enable=True
    badcase=dict(
        type='BadCaseHook',
        kpt_thr=0.3,
        metric_type='accuracy',
        metric=dict(type='MatchedPCK'),
        metric_key='PCK',
        badcase_thr=0.5),
    # docs/inference.md: what the score of a keypoint means
    visualization=dict(kpt_thr=0.3))
custom_hooks = [
    dict(type='SyncBuffersHook'),
    dict(type='CheckDataHook'),
    dict(type='EpochSeedHook'),
    dict(type='FiniteLossHook'),
    dict(type='OptimizeForInferenceHook'),
]

# One class only: a label on every person says nothing. Radius and width are for 640 pixels.
visualizer = dict(
    type='PeopleVisualizer',
    text_color=None,
    radius=2,
    line_width=1,
    vis_backends=[
        dict(type='LocalVisBackend'),
        dict(type='TensorboardVisBackend')
    ])
