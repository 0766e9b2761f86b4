_base_ = ['./directpose_tiny_1xb4-5e_synthetic-256x320.py']

# Nothing is learnt about who is in the box of somebody without labelled keypoints, or of a crowd.
# The paper takes these people for background.
train_pipeline = __import__('directpose').override_by_type(
    _base_.train_pipeline,
    PseudoBoxes=dict(type='PseudoBoxesOfLabelled'),
    FilterAnnotations=dict(by_kpt=False))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
