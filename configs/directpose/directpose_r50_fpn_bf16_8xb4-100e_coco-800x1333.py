_base_ = ['./directpose_r50_fpn_8xb4-100e_coco-800x1333.py']

# Half of the memory of the activations, on GPUs with bfloat16
optim_wrapper = dict(type='BFloat16OptimWrapper')
