"""Sixteen photographs from the Debian package of the Lomiri wallpapers, scikit-image and scikit-learn."""

from typing import NamedTuple

from PIL import Image

from data_build.files import shrink, write_works
from data_build.sources import SCIKIT_IMAGE, SCIKIT_LEARN, debian, wheel

LONGEST, QUALITY = 1024, 90
LOMIRI = "lomiri-wallpapers-16.04"


class Photo(NamedTuple):
    """One photograph: where it is found, and what its package says about it."""

    package: str
    original: str  # file name in the package
    file: str  # file name here, without ending
    title: str
    author: str
    licence: str


CC_BY_4, CC_BY_2, CC0 = "CC BY 4.0", "CC BY 2.0", "CC0 1.0"
AITZOL = "Aitzol Berasategi"
PHOTOS = (
    Photo(LOMIRI, "aitzgorri_by_Aitzol_Berasategi.jpg", "aitzgorri", "Aitzgorri", AITZOL, CC_BY_4),
    Photo(LOMIRI, "friends_by_Aitzol_Berasategi.jpg", "friends", "Friends", AITZOL, CC_BY_4),
    Photo(LOMIRI, "life_by_Aitzol_Berasategi.jpg", "life", "Life", AITZOL, CC_BY_4),
    Photo(LOMIRI, "picosdeeuropa_by_Aitzol_Berasategi.jpg", "picos_de_europa", "Picos de Europa", AITZOL, CC_BY_4),
    Photo(LOMIRI, "sunset_by_Aitzol_Berasategi.jpg", "sunset", "Sunset", AITZOL, CC_BY_4),
    Photo(LOMIRI, "Picture_0B_by_freespace.jpg", "fig", "Picture 0B (a fig)", 'Trevor "Freespace"', CC_BY_4),
    Photo(LOMIRI, "Picture_1A_by_freespace.jpg", "brushes", "Picture 1A (brushes)", 'Trevor "Freespace"', CC_BY_4),
    Photo(LOMIRI, "Wine_by_Jakkub_Mede.jpg", "wine", "Wine", "Jakub Mede", CC_BY_4),
    Photo(LOMIRI, "seeding_by_Clements_Engelhardt.jpg", "seeding", "Seeding", "Clemens Engelhardt", CC0),
    Photo(SCIKIT_IMAGE, "astronaut.png", "astronaut", "Eileen Collins", "NASA", "public domain"),
    Photo(SCIKIT_IMAGE, "chelsea.png", "chelsea", "Chelsea the cat", "Stéfan van der Walt", CC0),
    Photo(SCIKIT_IMAGE, "coffee.png", "coffee", "Coffee cup", "Rachel Michetti", CC0),
    Photo(SCIKIT_IMAGE, "rocket.jpg", "rocket", "Falcon 9 with DSCOVR", "SpaceX", "public domain"),
    Photo(SCIKIT_IMAGE, "hubble_deep_field.jpg", "hubble", "Hubble eXtreme Deep Field", "NASA", "public domain"),
    Photo(SCIKIT_LEARN, "china.jpg", "china", "China", "danielbuechele", CC_BY_2),
    Photo(SCIKIT_LEARN, "flower.jpg", "flower", "Flower", "vultilion", CC_BY_2),
)


def build(assets, cache):
    """Write assets/photos: at most 1024 pixels a side, WebP, and photos.json."""
    folders = {
        LOMIRI: debian(LOMIRI, cache) / "usr/share/backgrounds",
        SCIKIT_IMAGE: wheel(SCIKIT_IMAGE, cache) / "skimage/data",
        SCIKIT_LEARN: wheel(SCIKIT_LEARN, cache) / "sklearn/datasets/images",
    }
    write_works(assets / "photos", [_work(photo, folders[photo.package]) for photo in PHOTOS], QUALITY)


def _work(photo, folder):
    with Image.open(folder / photo.original) as original:
        picture = shrink(original, LONGEST)
        resized = picture.size != original.size
    card = {
        "file": f"{photo.file}.webp",
        "title": photo.title,
        "author": photo.author,
        "licence": photo.licence,
        "source": f"{photo.package}, {photo.original}",
        "changes": f"reduced to {picture.width} × {picture.height} pixels, WebP" if resized else "WebP",
    }
    return picture, card
