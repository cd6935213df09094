"""Which family each released model belongs to.

Facts about the models of ImageNet-Testbed (how each was trained), written as rules on their names;
the result is the same as the released code's list, model by model.
"""

import re

__all__ = ["COMPARED", "FAMILIES", "family", "is_transformer", "lineage"]

MORE_DATA = "more data"
IMAGENET = "ImageNet-1k"
SELF_SUPERVISED = "self-supervised"
ROBUSTNESS = "robustness intervention"
ADVERSARIAL = "Lp adversarial"
LOW_ACCURACY = "low accuracy"
NOT_DEEP = "not deep"

#: The families of the main comparison, in the order of the figures.
COMPARED: tuple[str, ...] = (MORE_DATA, IMAGENET, SELF_SUPERVISED, ROBUSTNESS)
FAMILIES: tuple[str, ...] = (*COMPARED, ADVERSARIAL, LOW_ACCURACY, NOT_DEEP)

# The first rule that matches anywhere in the name decides; a name without a match was trained on
# ImageNet-1k with labels alone.
_RULES: tuple[tuple[str, str], ...] = (
    (NOT_DEEP, r"^identity32_|_lstsq$"),
    # Stopped early, or trained on a part of the images or classes.
    (LOW_ACCURACY, r"_\d+_epochs$|_imagenet_subsample_"),
    (ADVERSARIAL, r"^facebook_adv|smoothing_adversarial|_adv-train-free$|_l(2|inf)_eps\d_robust$"),
    (ADVERSARIAL, r"randomized_smoothing_noise_(?!0\.00)"),
    (SELF_SUPERVISED, r"_simclrv2_"),
    # Weakly labelled or larger data sets; dual-path networks 68b, 92, 107 come from ImageNet-5k.
    (
        MORE_DATA,
        r"^BiT-M-|^instagram-|_(ssl|swsl)$|_clip_|jft|tencent|imagenet(11|21)k|noisystudent",
    ),
    (MORE_DATA, r"^FixResNeXt101|^dpn(107|68b|92)$|^vit_(base|large)_"),
    (ROBUSTNESS, r"_lpf\d$|advprop|cutmix|CutMix|cutout|mixup|augmix|deepaugment"),
    (ROBUSTNESS, r"_with_\w+_aws$|-rotation-(nocrop|random|standard|worst10)_|trained_on_SIN"),
)
_MODEL_VS_HUMAN = re.compile(r"^(InsDis|MoCo|MoCoV2|PIRL|InfoMin|simclr_resnet50x[124])$")
_MISFILED = re.compile(r"_(swav|simsiam)$")
# Fine-tuned with all labels; without any training on ImageNet.
_NEITHER = re.compile(r"_simclrv2_finetuned_100pct|_clip_zeroshot$")
# Models of one recipe, which differ in size or in its strength.
_LINEAGE = re.compile(
    r"^BiT-M|^FixResNeXt|^bninception|^dpn|^instagram|_swsl$|_ssl$|_clip_|^vit_|simclr|^MoCo|_lpf|"
    r"advprop|cutmix|CutMix|-rotation-|_SIN|_aws$|deepaugment"
)


def family(group: str, model: str, *, corrected: bool = False) -> str | None:
    """Return the family of a released model.

    Parameters
    ----------
    group : str
        Group of the published tables; one name may occur in two of them with different weights.
    model : str
    corrected : bool
        File SwAV and SimSiam under self-supervised, where the released code does not, and leave
        out SimCLRv2 fine-tuned with all labels, and CLIP without any training on ImageNet.

    Returns
    -------
    str or None
        One of ``FAMILIES``. None outside the comparison: of model-vs-human only the
        self-supervised models are used, of the base models only DINO.

    Examples
    --------
    >>> family("imagenet_testbed", "resnet50_swsl"), family("imagenet_testbed", "resnet50")
    ('more data', 'ImageNet-1k')
    >>> family("imagenet_testbed", "resnet50_swav", corrected=True)
    'self-supervised'
    >>> family("base", "ViT") is None
    True
    """
    if group == "base":
        return SELF_SUPERVISED if model == "DINO" else None
    if group == "modelvshuman":
        return SELF_SUPERVISED if _MODEL_VS_HUMAN.match(model) else None
    if group != "imagenet_testbed" or model == "human":
        return None
    if corrected and _NEITHER.search(model):
        return None
    if corrected and _MISFILED.search(model):
        return SELF_SUPERVISED
    return next((name for name, rule in _RULES if re.search(rule, model)), IMAGENET)


def lineage(model: str) -> str:
    """Return which recipe a released model is of; a name of its own where no other shares it.

    Models of one recipe are not independent: they differ in size, or in the recipe's strength.

    Examples
    --------
    >>> lineage("resnet18_swsl") == lineage("resnet50_swsl"), lineage("PIRL")
    (True, 'PIRL')
    """
    found = _LINEAGE.search(model)
    return found.group().lower() if found else model


def is_transformer(model: str) -> bool:
    """Return whether a released model is a vision transformer, by its name.

    Examples
    --------
    >>> is_transformer("vit_base_patch16_224"), is_transformer("resnet50_clip_zeroshot")
    (True, False)
    """
    return model.startswith(("vit_", "ViT"))
