_base_ = ['./keypoint-rcnn_r50_fpn_detectron2_coco-800x1333.py']

# For the weights of the authors, converted by tools/convert.py
model = dict(
    roi_head=dict(
        roi_scale=1.3,
        keypoint_roi_extractor=dict(
            type='mmdet.ZeroPaddedRoIExtractor', featmap_strides=[4]),
        keypoint_head=dict(type='mmdet.ContextKeypointHead')))
