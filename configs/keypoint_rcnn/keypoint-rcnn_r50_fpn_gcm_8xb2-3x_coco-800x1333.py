_base_ = ['./keypoint-rcnn_r50_fpn_8xb2-3x_coco-800x1333.py']

# All of the refinement: P2 only, enlarged RoIs, global context
model = dict(
    roi_head=dict(
        roi_scale=1.3,
        keypoint_roi_extractor=dict(
            type='mmdet.ZeroPaddedRoIExtractor', featmap_strides=[4]),
        keypoint_head=dict(type='mmdet.ContextKeypointHead')))
