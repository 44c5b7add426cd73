import socket

from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.system.http_output import Output

SIZES = st.one_of(st.integers(0, 500), st.integers(0, 300_000))


def read(peer: socket.socket, most: int) -> bytes:
    """What is there, up to *most* bytes."""
    try:
        return peer.recv(most)
    except BlockingIOError:
        return b""


@settings(deadline=None)
@given(st.lists(st.tuples(SIZES, SIZES, st.booleans()), max_size=40))
def test_what_is_sent_in_any_sizes_to_a_peer_of_any_speed_arrives_in_its_order(
    messages: list[tuple[int, int, bool]],
) -> None:
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    output = Output(near)
    sent, received = b"", b""
    for number, (head_size, body_size, reads) in enumerate(messages):
        head, body = b"%d" % number * head_size, bytearray(b"%d" % number * body_size)
        output.send(head, body)
        sent += head + body
        if reads:
            received += read(far, 300_000)
    while len(received) < len(sent):
        received += read(far, 100_000)
        output.flush()

    assert received == sent
    assert output.waiting == []
    near.close()
    far.close()


def test_small_messages_for_which_there_is_no_room_wait() -> None:
    near, far = socket.socketpair()
    near.setblocking(False)
    output = Output(near)
    count = 0
    while not output.waiting:
        count += 1
        output.send(b"head ", b"body\n")
    output.send(b"head ", b"body\n")
    received = b""
    while output.waiting:
        received += far.recv(65536)
        output.flush()
    near.close()
    received += b"".join(iter(lambda: far.recv(65536), b""))

    assert received == b"head body\n" * (count + 1)
    far.close()


def test_a_peer_that_is_gone_breaks_the_output() -> None:
    for body in (b"small", bytes(1_000_000)):
        near, far = socket.socketpair()
        far.close()
        output = Output(near)
        output.send(b"head", body)

        assert output.broken
        assert output.waiting == []
        near.close()
