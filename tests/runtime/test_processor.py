"""What is said of a precision that the CPU has no units for."""

import pytest

from anatomy.runtime.processor import bfloat16_note, has_bfloat16_units, processor_lines

WITHOUT = ["processor : 0", "flags : fpu avx2 avx512f"]


@pytest.mark.parametrize(
    "line", ["flags : fpu avx512_bf16", "flags\t\t: amx_bf16 amx_tile", "Features : fp asimd bf16"]
)
def test_units_are_read_from_the_flags(line):
    assert has_bfloat16_units(["model name : bf16", line])
    assert bfloat16_note(["a"], [line]) is None


def test_a_cpu_without_units_gets_one_line_with_the_time_and_the_override():
    note = bfloat16_note(["a", "b"], WITHOUT)
    assert "\n" not in note
    assert all(words in note for words in ("a, b", "11 hours", "--config 'defaults={precision: float32}'"))
    assert bfloat16_note([], WITHOUT) is None
    assert bfloat16_note(["a"], []) is None


def test_this_machine_is_read_where_nothing_is_given():
    assert has_bfloat16_units() == has_bfloat16_units(processor_lines())
