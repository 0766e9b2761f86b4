_base_ = ['./directpose_tiny_1xb4-4e_synthetic-coco-256x320.py']

# All of KPAlign, without the heatmap branch
model = dict(heatmap_head=None)
