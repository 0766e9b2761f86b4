"""What is broken is refused in a sentence, or does no harm: a few cases of tests/reliability."""

import json
import random

import pytest

from reliability.fuzz import bad_outcomes, fuzz, mutate_annotations, mutate_image, mutate_tree


@pytest.mark.parametrize(('kind', 'number'), [('annotations', 25), ('images', 15), ('configs', 10)])
def test_mutations(kind, number, synthetic_set, tmp_path):
    outcomes = fuzz(kind, list(range(number)), synthetic_set, tmp_path)
    assert len(outcomes) == number
    assert not bad_outcomes(kind, outcomes)
    found = {outcome for outcome, _ in outcomes.values()}
    assert 'done' in found and len(found) > 1
    for outcome, message in outcomes.values():
        assert outcome != 'refused' or ('\n' not in message and len(message) < 600)


def test_the_same_seed_makes_the_same_mutation(synthetic_set):
    source = synthetic_set / 'annotations/train.json'
    image = next((synthetic_set / 'images').iterdir())
    for mutate, path in ((mutate_annotations, source), (mutate_image, image)):
        made = [mutate(path, random.Random(seed)) for seed in (1, 1, 2)]
        assert made[0] == made[1] != made[2]
    tree = json.loads(source.read_text())
    assert all(mutate_tree(tree, random.Random(s)) != tree for s in range(20))
