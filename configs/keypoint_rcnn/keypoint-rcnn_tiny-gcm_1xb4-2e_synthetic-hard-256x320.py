_base_ = ['./keypoint-rcnn_tiny_1xb4-2e_synthetic-hard-256x320.py']

# All of the refinement: P2 only, enlarged RoIs, global context
model = dict(
    roi_head=dict(
        roi_scale=1.3,
        keypoint_roi_extractor=dict(
            type='mmdet.ZeroPaddedRoIExtractor', featmap_strides=[4]),
        keypoint_head=dict(type='mmdet.ContextKeypointHead')))
