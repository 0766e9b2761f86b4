"""Learning: two synthetic images are learnt by heart."""

import torch
from directpose import override_by_type
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmpose.registry import DATASETS, METRICS, MODELS


def test_two_images_are_learnt_by_heart(root, synthetic_set, tmp_path):
    config = Config.fromfile(
        root / 'configs/directpose/directpose_tiny_1xb4-5e_synthetic-256x320.py'
    )
    train = config.train_dataloader.dataset
    sizes = dict(short_side=(256, 256), long_side=320, crop_size=(320, 320))
    train.pipeline = override_by_type(train.pipeline, RandomScaleCrop=sizes)
    places = dict(data_root=f'{synthetic_set}/', indices=2)
    dataset = DATASETS.build({**train, **places})
    batch = pseudo_collate([dataset[0], dataset[1]])
    model = MODELS.build(config.model)
    model.init_weights()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    steps = 120
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for _ in range(steps):
        inputs = model.data_preprocessor(batch, training=True)
        losses = model(**inputs, mode='loss')
        optimizer.zero_grad()
        sum(losses.values()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
        schedule.step()
    assert losses['loss_kpt'] < 0.1 and losses['loss_cls'] < 0.05
    assert losses['loss_heatmap'] < 0.5

    model.eval()
    testing = {**config.val_dataloader.dataset, **places, 'ann_file': train.ann_file}
    dataset = DATASETS.build(testing)
    metric = METRICS.build({**config.val_evaluator, 'ann_file': dataset.ann_file})
    metric.dataset_meta = dataset.metainfo
    metric.coco.dataset['images'] = metric.coco.dataset['images'][:2]
    metric.coco.createIndex()
    kept = [i['id'] for i in metric.coco.dataset['images']]
    metric.coco.dataset['annotations'] = [
        a for a in metric.coco.dataset['annotations'] if a['image_id'] in kept
    ]
    metric.coco.createIndex()
    with torch.no_grad():
        for index in range(2):
            found = model.test_step(pseudo_collate([dataset[index]]))
            metric.process({}, [sample.to_dict() for sample in found])
    assert metric.evaluate(2)['coco/AP'] > 0.7
