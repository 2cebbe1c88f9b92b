import numpy as np
import pytest

from node.assemble import read_images
from node.errors import DecodeError

COLOURS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [128, 128, 128]]], np.uint8)


def image(path):
    return read_images(path, 1 << 20)[0]


def palette(bits, entries, first=0, kind="<u2"):
    """Red rises, green falls, blue is constant."""
    top = 2**bits - 1
    rise = np.linspace(0, top, entries).astype(kind)
    tables = {"Red": rise, "Green": rise[::-1], "Blue": np.full(entries, top, kind)}
    descriptors = {f"{name}PaletteColorLookupTableDescriptor": [entries % 65536, first, bits] for name in tables}
    data = {f"{name}PaletteColorLookupTableData": table.tobytes() for name, table in tables.items()}
    return {"PhotometricInterpretation": "PALETTE COLOR", **descriptors, **data}


def test_rgb_is_shown_as_it_is(write):
    shown = image(write(COLOURS))
    assert shown.pixels.dtype == np.float32
    assert shown.values is None
    np.testing.assert_allclose(shown.pixels, COLOURS / 255, atol=1e-6)


def test_colour_by_plane_and_colour_by_pixel_are_the_same_picture(write):
    planes = np.moveaxis(COLOURS, -1, 0).tobytes()
    by_plane = image(write(COLOURS, PlanarConfiguration=1, PixelData=planes))
    np.testing.assert_array_equal(by_plane.pixels, image(write(COLOURS)).pixels)


def test_sixteen_bit_rgb_uses_its_whole_range(write):
    shown = image(write(COLOURS.astype(np.uint16) * 257))
    np.testing.assert_allclose(shown.pixels, COLOURS / 255, atol=1e-5)


def test_luminance_and_chrominance_become_rgb(write):
    red, green, blue = np.moveaxis(COLOURS.astype(float), -1, 0)
    luminance = 0.299 * red + 0.587 * green + 0.114 * blue
    cb, cr = (blue - luminance) / 1.772 + 128, (red - luminance) / 1.402 + 128
    ybr = np.clip(np.rint(np.stack([luminance, cb, cr], -1)), 0, 255).astype(np.uint8)
    shown = image(write(ybr, PhotometricInterpretation="YBR_FULL"))
    np.testing.assert_allclose(shown.pixels, COLOURS / 255, atol=0.01)


def test_subsampled_chrominance_is_spread_over_both_columns(write):
    grey_then_white = bytes([50, 200, 128, 128])  # Y1 Y2 Cb Cr (PS3.3 C.7.6.3.1.2)
    shown = image(
        write(np.zeros((1, 2, 3), np.uint8), PhotometricInterpretation="YBR_FULL_422", PixelData=grey_then_white)
    )
    np.testing.assert_allclose(shown.pixels[0, :, 0] * 255, [50, 200], atol=0.01)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_palette_gives_colours(write, bits):
    stored = np.arange(256, dtype=np.uint8).reshape(16, 16)
    shown = image(write(stored, **palette(bits, 256)))
    np.testing.assert_allclose(shown.pixels[..., 0], stored / 255, atol=0.005)
    np.testing.assert_allclose(shown.pixels[..., 1], 1 - stored / 255, atol=0.005)
    assert (shown.pixels[..., 2] == 1).all()


def test_palette_entries_of_eight_bits_may_be_packed(write):
    stored = np.arange(256, dtype=np.uint8).reshape(16, 16)
    packed, spread = palette(8, 256, kind="u1"), palette(8, 256)
    np.testing.assert_array_equal(image(write(stored, **packed)).pixels, image(write(stored, **spread)).pixels)


def test_a_palette_may_start_above_zero(write):
    stored = np.array([[0, 100, 101, 255]], np.uint8)
    shown = image(write(stored, **palette(16, 2, first=100)))
    np.testing.assert_array_equal(shown.pixels[0, :, 0], [0, 0, 1, 1])


def test_a_segmented_palette_is_expanded(write):
    ramp = np.array([0, 1, 0, 1, 255, 65535], "<u2").tobytes()  # one discrete entry, then a line to the top
    attributes = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name in ("Red", "Green", "Blue"):
        attributes[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        attributes[f"Segmented{name}PaletteColorLookupTableData"] = ramp
    stored = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_allclose(image(write(stored, **attributes)).pixels[..., 0], stored / 255, atol=1e-4)


def test_a_missing_palette_is_refused(write):
    with pytest.raises(DecodeError, match="palette is missing"):
        read_images(write(PhotometricInterpretation="PALETTE COLOR"), 1 << 20)
