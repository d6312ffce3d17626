import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from experiments.benchmarks.reposts import KINDS, repost
from ndsc.duplicates.image_signatures import ImageSignature, compute_signature
from ndsc.duplicates.verification import NO_MATCH, Matcher
from tests.duplicates.pictures import as_jpeg, picture, pixels

SEEDS = range(6)


def signature(image: Image.Image) -> ImageSignature:
    return compute_signature(np.asarray(image.convert("RGB")))


def same(one: Image.Image, other: Image.Image) -> bool:
    return Matcher()(signature(one), signature(other)).same_picture


@pytest.mark.parametrize("kind", KINDS)
def test_a_repost_shows_the_same_picture(kind: str):
    match = Matcher()
    for seed in SEEDS:
        original = as_jpeg(picture(seed))
        one, other = (compute_signature(pixels(data)) for data in (original, repost(original, kind, seed)))
        assert match(one, other).same_picture, seed
        assert match(other, one).same_picture, seed


def test_another_shade_is_the_same_picture():
    original = picture(0)
    assert same(original, ImageOps.colorize(original.convert("L"), "#102040", "#ffe8c0"))
    assert same(original, ImageEnhance.Brightness(original).enhance(0.6))


def test_a_crop_to_two_thirds_of_the_area_is_the_same_picture():
    original = picture(1, (450, 390))
    assert same(original, original.crop((45, 40, 410, 355)))


def test_different_pictures_are_not_the_same():
    match, every = Matcher(), [signature(picture(seed)) for seed in SEEDS]
    joined = [match(one, other).same_picture for one in every for other in every if one is not other]
    assert not any(joined)


def framed(content: Image.Image) -> Image.Image:
    """A shop's frame: a busy band at the top and one at the bottom round whatever is sold."""
    frame = picture(99, (300, 300))
    frame.paste(content.resize((300, 180)), (0, 60))
    return frame


def test_different_products_in_one_shop_frame_are_not_joined():
    match = Matcher()
    one, other = signature(framed(picture(1))), signature(framed(picture(2)))
    assert not match(one, other).same_picture
    # It is the frame alone that they have in common, and that is enough for RANSAC.
    assert same(framed(picture(1)), framed(picture(1)).resize((200, 200)))


def test_different_products_with_one_price_tag_are_not_joined():
    def tagged(image: Image.Image) -> Image.Image:
        image.paste(picture(98, (110, 110)), (180, 140))
        return image

    assert not same(tagged(picture(3)), tagged(picture(4)))


def test_plain_backgrounds_with_the_same_small_logo_are_not_joined():
    def with_logo(colour: str, product: int) -> Image.Image:
        image = Image.new("RGB", (300, 300), "white")
        image.paste(picture(97, (60, 40)), (10, 10))
        image.paste(picture(product, (120, 160)), (120, 100))
        ImageDraw.Draw(image).rectangle((0, 290, 300, 300), fill=colour)
        return image

    assert not same(with_logo("red", 5), with_logo("blue", 6))


def test_blank_photos_are_not_joined():
    blank = compute_signature(np.full((100, 100, 3), 255, np.uint8))
    assert Matcher()(blank, blank) == NO_MATCH
    assert Matcher()(blank, signature(picture(0))) == NO_MATCH


def test_a_match_does_not_depend_on_what_was_compared_before():
    one, other = signature(picture(0)), signature(picture(0).crop((20, 20, 280, 240)))
    alone = Matcher()(one, other)
    used = Matcher()
    for seed in (1, 2, 3):
        used(signature(picture(seed, (400, 400))), signature(picture(seed).rotate(3)))
    assert used(one, other) == alone
    assert alone.inliers >= 20
