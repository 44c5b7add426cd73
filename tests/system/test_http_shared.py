from supervisor.system.http_shared import BodyBuffer

MEGABYTE = 1024 * 1024


def test_memory_that_nobody_looks_at_is_used_again() -> None:
    buffer = BodyBuffer()
    first = buffer.take(MEGABYTE)
    memory = first.obj
    del first

    for size in (MEGABYTE, 100, MEGABYTE):
        again = buffer.take(size)

        assert again.obj is memory
        assert len(again) == size
        del again


def test_memory_that_somebody_looks_at_is_left_alone() -> None:
    buffer = BodyBuffer()
    part = buffer.take(MEGABYTE)[10:20]
    part[:] = b"0123456789"
    other = buffer.take(MEGABYTE)
    other[:] = bytes(MEGABYTE)

    assert bytes(part) == b"0123456789"
    assert len(other) == MEGABYTE


def test_a_larger_body_gets_larger_memory() -> None:
    buffer = BodyBuffer()
    memory = buffer.take(100).obj

    larger = buffer.take(MEGABYTE)

    assert len(larger) == MEGABYTE
    assert larger.obj is not memory


def test_memory_beyond_what_is_kept_is_given_back() -> None:
    buffer = BodyBuffer()
    huge = buffer.take(100 * MEGABYTE)
    assert len(huge) == 100 * MEGABYTE
    memory = huge.obj
    del huge

    assert buffer.take(100).obj is not memory
