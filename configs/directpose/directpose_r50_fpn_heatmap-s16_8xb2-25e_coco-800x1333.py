_base_ = ['./directpose_r50_fpn_8xb2-25e_coco-800x1333.py']

# The heatmap branch sits on P4.
model = dict(heatmap_head=dict(stride=16))
