import numpy as np
import pytest

from node.assemble.lut import read_lut, read_segmented_lut
from node.errors import DecodeError


def words(*values, order="<"):
    return np.array(values, f"{order}u2").tobytes()


def lut(descriptor, data, little_endian=True, signed=False):
    return read_lut(descriptor, data, little_endian=little_endian, signed=signed)


def segmented(descriptor, *values):
    return read_segmented_lut(descriptor, words(*values), little_endian=True, signed=False).table.tolist()


def test_inputs_below_and_above_the_table_get_its_ends():
    np.testing.assert_array_equal(
        lut([3, 10, 16], words(1, 2, 3)).apply(np.array([0, 10, 11, 12, 99])), [1, 1, 2, 3, 3]
    )


def test_fractions_are_rounded_to_the_next_entry():
    np.testing.assert_array_equal(lut([3, 0, 16], words(1, 2, 3)).apply(np.array([0.4, 0.6, 1.9])), [1, 2, 3])


def test_a_length_of_zero_means_65536_entries():
    table = np.arange(65536, dtype="<u2").tobytes()
    assert lut([0, 0, 16], table).apply(np.array([65535])) == 65535


def test_a_first_value_above_32767_is_negative_for_signed_pixels():
    assert lut([2, 65535, 16], words(5, 6), signed=True).first == -1
    assert lut([2, 65535, 16], words(5, 6), signed=False).first == 65535
    assert lut([2, -1, 16], words(5, 6), signed=False).first == 65535


def test_words_follow_the_byte_order_of_the_object():
    assert lut([2, 0, 16], words(5, 6, order=">"), little_endian=False).table.tolist() == [5, 6]


def test_entries_may_be_numbers():
    assert lut([3, 0, 16], [1, 2, -1]).table.tolist() == [1, 2, 65535]
    assert lut([1, 0, 16], 7).table.tolist() == [7]


def test_a_short_table_is_filled_with_its_last_entry():
    assert lut([4, 0, 16], [1, 2]).table.tolist() == [1, 2, 2, 2]


def test_a_table_brighter_than_its_declared_bits_keeps_its_own_top():
    assert lut([2, 0, 8], words(0, 4095)).top == 4095
    assert lut([2, 0, 12], words(0, 100)).top == 4095


@pytest.mark.parametrize("descriptor", [None, [], [1, 2], [3, 0, 0], [3, 0, 17], [-1, 0, 8], ["a", 0, 8]])
def test_an_impossible_descriptor_is_refused(descriptor):
    with pytest.raises(DecodeError):
        lut(descriptor, words(1, 2, 3))


def test_a_table_without_entries_is_refused():
    with pytest.raises(DecodeError, match="no entries"):
        lut([3, 0, 16], b"")


def test_discrete_and_linear_segments_are_joined():
    assert segmented([5, 0, 16], 0, 2, 10, 20, 1, 3, 50) == [10, 20, 30, 40, 50]


def test_an_indirect_segment_repeats_earlier_ones():
    # a discrete segment of two, then one segment copied from byte 0
    assert segmented([4, 0, 16], 0, 2, 10, 20, 2, 1, 0, 0) == [10, 20, 10, 20]


def test_segments_of_bytes_are_read():
    table = read_segmented_lut([4, 0, 8], bytes([0, 1, 0, 1, 3, 30]), little_endian=True, signed=False)
    assert table.table.tolist() == [0, 10, 20, 30]


def test_segments_cannot_grow_beyond_the_declared_table():
    lines = [0, 1, 0] + [1, 65535, 65535] * 5000
    assert len(segmented([0, 0, 16], *lines)) == 65536


@pytest.mark.parametrize("segments", [[3, 1, 1], [1, 4, 9], [2, 1, 0, 0], [0, 1, 5, 2, 1, 6, 0], [0, 1, 5]])
def test_impossible_segments_are_refused(segments):
    with pytest.raises(DecodeError):
        segmented([100, 0, 16], *segments)
