"""A connection of HTTP/2: what two ends of ours tell each other, without a socket."""

from __future__ import annotations

import unittest

from interop.grpc import frames
from interop.grpc.events import Data, Ended, Event, GoingAway, Headers, PingAcked, Reset, Trailers
from interop.grpc.fields import REPLY, REQUEST, Malformed, content_length
from interop.grpc.frames import (
    ACK,
    CANCEL,
    CONTINUATION,
    DATA,
    FLOW_CONTROL_ERROR,
    FRAME_BYTES,
    GOAWAY,
    HEADERS,
    INTERNAL_ERROR,
    MAX_31,
    NO_ERROR,
    PING,
    PREFACE,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
    STREAM_CLOSED,
    WINDOW_BYTES,
    WINDOW_UPDATE,
)
from interop.grpc.h2 import Connection, NoMoreStreams
from interop.grpc.stream_table import MAX_CLOSED
from tests.interop.grpc.wire import OK, POST, WORLD, Wire, block, data, head, split

STATUS = ((b"grpc-status", b"0"),)


class Pair:
    """A client and a server of ours. Both consume what comes, unless `consumes` is False."""

    def __init__(self, *, consumes: bool = True, **limits: int) -> None:
        self.client = Connection(is_client=True)
        self.server = Connection(is_client=False, **limits)
        self.consumes = consumes
        self.carry()

    def carry(self, max_bytes: int = 65_536) -> tuple[list[Event], list[Event]]:
        """Carries bytes until both ends are silent. Returns the events of client and server."""
        of_client: list[Event] = []
        of_server: list[Event] = []
        while True:
            up, down = (self.client.data_to_send(max_bytes), self.server.data_to_send(max_bytes))
            if not up and not down:
                return of_client, of_server
            self._take(self.server, up, of_server)
            self._take(self.client, down, of_client)

    def _take(self, end: Connection, sent: bytes, events: list[Event]) -> None:
        new = end.receive(sent, 0.0)
        events += new
        for event in new:
            if self.consumes and isinstance(event, Data):
                end.consumed(event.stream_id, len(event.data))


def body(events: list[Event], stream_id: int) -> bytes:
    return b"".join(event.data for event in events
                    if isinstance(event, Data) and event.stream_id == stream_id)


class Calls(unittest.TestCase):
    def test_a_call_and_its_reply_with_trailers(self) -> None:
        pair = Pair()
        call = pair.client.request(POST)
        pair.client.send_data(call, b"Hello", end_stream=True)
        _, events = pair.carry()
        self.assertEqual(events, [Headers(1, POST, False), Data(1, b"Hello", True)])
        self.assertTrue(pair.server.send_headers(call, OK))
        self.assertTrue(pair.server.send_data(call, WORLD))
        self.assertTrue(pair.server.send_headers(call, STATUS, end_stream=True))
        events, _ = pair.carry()
        self.assertEqual(events, [Headers(1, OK, False), Data(1, WORLD, False),
                                  Trailers(1, STATUS)])
        self.assertEqual((pair.client.open_streams, pair.server.open_streams), (0, 0))
        self.assertEqual(pair.client.request(POST, end_stream=True), 3)

    def test_whatever_the_pieces_in_which_bytes_come(self) -> None:
        client, server = Connection(is_client=True), Connection(is_client=False)
        call = client.request(POST)
        client.send_data(call, b"Hello", end_stream=True)
        events: list[Event] = []
        for byte in client.data_to_send():
            events += server.receive(bytes([byte]), 0.0)
        self.assertEqual(events, [Headers(1, POST, False), Data(1, b"Hello", True)])

    def test_a_long_header_block_is_cut_and_joined(self) -> None:
        pair = Pair(max_header_bytes=100_000)
        long = (*POST, (b"x", b"\x01" * 40_000))
        pair.client.request(long, end_stream=True)
        sent = pair.client.data_to_send()
        self.assertEqual([frame.kind for frame in split(sent)],
                         [HEADERS, CONTINUATION, CONTINUATION])
        self.assertEqual(pair.server.receive(sent, 0.0), [Headers(1, long, True)])

    def test_an_interim_reply_is_passed_over(self) -> None:
        pair = Pair()
        call = pair.client.request(POST, end_stream=True)
        pair.carry()
        pair.server.send_headers(call, ((b":status", b"103"),))
        pair.server.send_headers(call, OK, end_stream=True)
        self.assertEqual(pair.carry()[0], [Headers(1, OK, True)])

    def test_a_reply_before_the_end_of_the_request(self) -> None:
        """The server needs no more of it, and says so without an error."""
        pair = Pair()
        call = pair.client.request(POST)
        pair.carry()
        pair.server.send_headers(call, OK, end_stream=True)
        events, _ = pair.carry()
        self.assertEqual(events, [Headers(1, OK, True), Reset(1, NO_ERROR, False)])
        self.assertFalse(pair.client.send_data(call, b"late"))
        self.assertEqual(pair.server.open_streams, 0)

    def test_nothing_is_sent_in_a_stream_that_is_gone(self) -> None:
        pair = Pair()
        call = pair.client.request(POST, end_stream=True)
        pair.carry()
        self.assertTrue(pair.client.reset(call, CANCEL))
        self.assertFalse(pair.client.reset(call, CANCEL))
        _, events = pair.carry()
        self.assertEqual(events, [Reset(1, CANCEL, False)])
        self.assertFalse(pair.server.send_headers(call, OK))
        self.assertFalse(pair.server.send_data(call, WORLD))
        self.assertEqual(pair.server.data_to_send(), b"")

    def test_nothing_is_sent_behind_the_last_word(self) -> None:
        pair = Pair()
        call = pair.client.request(POST, end_stream=True)
        self.assertFalse(pair.client.send_data(call, b"late"))

    def test_frames_that_were_on_their_way_when_we_reset(self) -> None:
        wire = Wire(answers=False)
        wire.send(head(1))
        wire.ours.reset(1, CANCEL)
        self.assertEqual(wire.send(data(1), head(1, STATUS, end=True)), [])
        self.assertIsNone(wire.goaway)
        self.assertEqual(wire.resets, {1: CANCEL})

    def test_a_ping_of_ours(self) -> None:
        pair = Pair()
        pair.client.ping(b"12345678")
        self.assertEqual(pair.carry()[0], [PingAcked(b"12345678")])


class Clients(unittest.TestCase):
    """What a server may not do to a client of ours."""

    def setUp(self) -> None:
        self.wire = Wire(Connection(is_client=True))
        self.call = self.wire.ours.request(POST, end_stream=True)

    def test_a_server_that_pushes(self) -> None:
        self.wire.send(frames.frame(frames.PUSH_PROMISE, 4, 1, b"\0\0\0\2\x88"))
        self.assertEqual(self.wire.goaway, PROTOCOL_ERROR)

    def test_we_tell_that_we_want_no_push(self) -> None:
        first = split(Connection(is_client=True).data_to_send()[len(PREFACE):])[0]
        self.assertIn((frames.ENABLE_PUSH, 0), frames.read_settings(first.payload))

    def test_a_stream_that_was_not_asked_for(self) -> None:
        self.wire.send(head(3, OK))
        self.assertEqual(self.wire.goaway, PROTOCOL_ERROR)

    def test_data_before_a_reply(self) -> None:
        events = self.wire.send(data(1))
        self.assertEqual(events, [Reset(1, PROTOCOL_ERROR, False)])

    def test_a_reply_without_a_status(self) -> None:
        for fields in (((b"x", b"y"),), POST, ((b":status", b"20"),), ()):
            wire = Wire(Connection(is_client=True))
            wire.ours.request(POST)
            self.assertEqual(wire.send(head(1, fields)), [Reset(1, PROTOCOL_ERROR, False)])

    def test_an_interim_reply_that_is_the_last(self) -> None:
        events = self.wire.send(head(1, ((b":status", b"100"),), end=True))
        self.assertEqual(events, [Reset(1, PROTOCOL_ERROR, False)])

    def test_a_refused_stream_never_ran(self) -> None:
        self.assertEqual(self.wire.send(frames.rst_stream(1, REFUSED_STREAM)),
                         [Reset(1, REFUSED_STREAM, True)])

    def test_streams_behind_the_last_one_of_a_goaway_never_ran(self) -> None:
        self.wire.ours.request(POST, end_stream=True)
        events = self.wire.send(frames.goaway(1, NO_ERROR, b"bye"))
        self.assertEqual(events, [GoingAway(1, NO_ERROR, b"bye"), Reset(3, REFUSED_STREAM, True)])
        self.assertEqual(self.wire.ours.open_streams, 1)
        self.assertFalse(self.wire.ours.can_request)
        with self.assertRaises(NoMoreStreams):
            self.wire.ours.request(POST)
        self.assertEqual(self.wire.send(head(1, OK, end=True)), [Headers(1, OK, True)])

    def test_no_more_streams_than_the_server_takes(self) -> None:
        self.wire.send(frames.settings({frames.MAX_CONCURRENT_STREAMS: 1}))
        with self.assertRaises(NoMoreStreams):
            self.wire.ours.request(POST)
        self.wire.send(head(1, OK, end=True))
        self.assertEqual(self.wire.ours.request(POST), 3)

    def test_other_settings_limit_no_streams(self) -> None:
        self.wire.send(frames.settings({frames.HEADER_TABLE_SIZE: 0, 0xFF: 0}))
        self.assertTrue(self.wire.ours.can_request)

    def test_the_numbers_of_streams_come_to_an_end(self) -> None:
        self.wire.ours._streams.highest = MAX_31 - 2
        self.assertFalse(self.wire.ours.can_request)


class Windows(unittest.TestCase):
    LARGE = bytes(range(256)) * 4096

    def test_large_bodies_pass_in_both_directions(self) -> None:
        pair = Pair()
        call = pair.client.request(POST)
        pair.client.send_data(call, self.LARGE, end_stream=True)
        _, events = pair.carry()
        self.assertEqual(body(events, call), self.LARGE)
        pair.server.send_headers(call, OK)
        pair.server.send_data(call, self.LARGE)
        pair.server.send_headers(call, STATUS, end_stream=True)
        events, _ = pair.carry()
        self.assertEqual(body(events, call), self.LARGE)
        self.assertEqual(events[-1], Trailers(1, STATUS))
        self.assertEqual((pair.client.queued_bytes, pair.server.queued_bytes), (0, 0))

    def test_a_window_opens_only_as_data_is_consumed(self) -> None:
        pair = Pair(consumes=False)
        call = pair.client.request(POST)
        pair.client.send_data(call, self.LARGE, end_stream=True)
        _, events = pair.carry()
        came = len(body(events, call))
        self.assertEqual(came, 256 * 1024)
        pair.server.consumed(call, 10)
        self.assertEqual(pair.carry()[1], [])
        pair.server.consumed(call, came)
        self.assertGreater(len(body(pair.carry()[1], call)), came // 2)

    def test_what_is_consumed_counts_once(self) -> None:
        """Else a stream could be let send more than it may."""
        wire = Wire(answers=False)
        wire.ours.receive(head(1) + data(1, bytes(FRAME_BYTES)), 0.0)
        for _ in range(100):
            wire.ours.consumed(1, FRAME_BYTES)
        self.assertEqual(wire.read(), [])

    def test_small_pieces_use_up_the_windows_too(self) -> None:
        wire = Wire(answers=False)
        wire.send(head(1, end=True), head(3, end=True), frames.window_update(0, 1000))
        for _ in range(100):
            wire.ours.send_data(1, bytes(1000))
        wire.read()
        self.assertEqual(len(wire.body(1)), WINDOW_BYTES)
        # Its stream has no window left, and what is left of the connection's is 1,000.
        for _ in range(5):
            wire.ours.send_data(3, bytes(500))
        wire.read()
        self.assertEqual(len(wire.body(3)), 1000)
        wire.send(frames.window_update(0, 700))
        self.assertEqual(len(wire.body(3)), 1700)

    def test_large_pieces_use_up_the_window_of_the_connection(self) -> None:
        wire = Wire(answers=False)
        wire.send(frames.settings({frames.INITIAL_WINDOW_SIZE: MAX_31 // 2}), head(1, end=True))
        wire.ours.send_data(1, self.LARGE)
        wire.read()
        self.assertEqual(len(wire.body(1)), WINDOW_BYTES)

    def test_what_is_given_out_at_once_is_bounded(self) -> None:
        """So that a PING does not wait long."""
        wire = Wire(answers=False)
        wire.send(frames.settings({frames.INITIAL_WINDOW_SIZE: MAX_31 // 2}),
                  frames.window_update(0, MAX_31 // 2), head(1, end=True))
        wire.ours.send_data(1, self.LARGE)
        self.assertLess(len(wire.ours.data_to_send(1000)), 2 * FRAME_BYTES)
        wire.ours.ping(b"12345678")
        before = wire.ours.queued_bytes
        wire.ours.data_to_send(1000)
        self.assertLess(wire.ours.queued_bytes, before)

    def test_what_was_not_consumed_is_given_back_when_a_stream_ends(self) -> None:
        """Else the window of the connection would become smaller with each call."""
        wire = Wire(answers=False)
        for number in range(1, 801, 2):
            wire.ours.receive(head(number) + data(number, bytes(FRAME_BYTES), end=number & 2 == 0),
                              0.0)
            if number & 2:
                wire.ours.reset(number, CANCEL)
            else:
                wire.ours.send_headers(number, OK, end_stream=True)
        wire.read()
        self.assertIsNone(wire.goaway)
        opened = sum(frames.read_number(frame.payload) for frame in wire.of(WINDOW_UPDATE))
        self.assertGreater(opened, 300 * FRAME_BYTES)

    def test_data_of_streams_that_are_gone_opens_the_window(self) -> None:
        wire = Wire(answers=False)
        wire.send(head(1))
        wire.ours.reset(1, CANCEL)
        for _ in range(200):
            wire.send(data(1, bytes(FRAME_BYTES)))
        self.assertIsNone(wire.goaway)

    def test_padding_is_given_back_at_once(self) -> None:
        wire = Wire(answers=False)
        wire.send(head(1))
        padded = frames.frame(DATA, frames.PADDED, 1, b"\xff" + b"x" + bytes(255))
        for _ in range(5000):
            wire.send(padded)
        self.assertIsNone(wire.goaway)
        self.assertEqual(wire.resets, {})

    def test_more_than_a_window_lets_pass(self) -> None:
        server = Connection(is_client=False, stream_window_bytes=WINDOW_BYTES)
        wire = Wire(server)
        wire.answers = False
        server.receive(head(1) + data(1, bytes(FRAME_BYTES)) * 4, 0.0)
        wire.read()
        self.assertEqual(wire.resets, {1: FLOW_CONTROL_ERROR})
        server = Connection(is_client=False, connection_window_bytes=WINDOW_BYTES)
        wire = Wire(server)
        server.receive(head(1) + data(1, bytes(FRAME_BYTES)) * 4, 0.0)
        wire.read()
        self.assertEqual(wire.goaway, FLOW_CONTROL_ERROR)

    def test_streams_take_turns(self) -> None:
        """A reply of a few frames is not held up by one of a megabyte, asked for before."""
        wire = Wire(answers=False)
        wire.send(frames.settings({frames.INITIAL_WINDOW_SIZE: MAX_31 // 2}),
                  frames.window_update(0, MAX_31 // 2), head(1, end=True), head(3, end=True))
        for stream_id, count in ((1, 64), (3, 3)):
            wire.ours.send_headers(stream_id, OK)
            wire.ours.send_data(stream_id, bytes(count * FRAME_BYTES), end_stream=True)
        order = [frame.stream_id for frame in wire.read() if frame.kind == DATA]
        self.assertEqual(order[:7], [1, 3, 1, 3, 1, 3, 1])
        self.assertEqual(len(order), 67)

    def test_a_small_reply_and_a_ping_do_not_wait_behind_a_large_one(self) -> None:
        wire = Wire(answers=False)
        wire.send(head(1, end=True), head(3, end=True), frames.window_update(0, 10 ** 6))
        wire.ours.send_data(1, self.LARGE)
        wire.ours.data_to_send(FRAME_BYTES)
        wire.ours.receive(frames.frame(PING, 0, 0, b"12345678"), 0.0)
        wire.ours.send_data(3, WORLD, end_stream=True)
        kinds = [(frame.kind, frame.stream_id) for frame in split(wire.ours.data_to_send(1))]
        self.assertEqual(kinds, [(PING, 0), (DATA, 3)])

    def test_a_stream_without_a_window_holds_up_no_other(self) -> None:
        wire = Wire(answers=False)
        wire.send(head(1, end=True), head(3, end=True), frames.window_update(0, 10 ** 6),
                  frames.window_update(3, 10 ** 6))
        wire.ours.send_data(1, self.LARGE)
        wire.ours.send_data(3, bytes(500_000), end_stream=True)
        wire.read()
        self.assertEqual(len(wire.body(1)), WINDOW_BYTES)
        self.assertEqual(len(wire.body(3)), 500_000)
        wire.send(frames.window_update(1, 1000))
        self.assertEqual(len(wire.body(1)), WINDOW_BYTES + 1000)

    def test_data_behind_a_reset_is_forgotten(self) -> None:
        wire = Wire(answers=False)
        wire.send(head(1, end=True))
        wire.ours.send_data(1, self.LARGE)
        self.assertGreater(wire.ours.queued_bytes, 10 ** 6)
        wire.send(frames.rst_stream(1, CANCEL))
        self.assertEqual(wire.ours.queued_bytes, 0)
        wire.send(frames.window_update(0, 10 ** 6))
        self.assertLessEqual(len(wire.body(1)), FRAME_BYTES * 5)

    def test_a_new_first_window_counts_for_open_streams(self) -> None:
        wire = Wire(answers=False)
        wire.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 0}), head(1, end=True))
        wire.ours.send_data(1, WORLD)
        self.assertEqual(wire.read(), [])
        wire.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 5}))
        self.assertEqual(wire.body(1), WORLD[:5])
        wire.send(frames.settings({frames.INITIAL_WINDOW_SIZE: MAX_31}),
                  frames.window_update(1, MAX_31))
        self.assertEqual(wire.resets, {1: FLOW_CONTROL_ERROR})

    def test_settings_that_make_a_window_too_large(self) -> None:
        wire = Wire(answers=False)
        wire.send(head(1), frames.window_update(1, MAX_31 - WINDOW_BYTES))
        wire.send(frames.settings({frames.INITIAL_WINDOW_SIZE: WINDOW_BYTES + 1}))
        self.assertEqual(wire.goaway, FLOW_CONTROL_ERROR)

    def test_an_empty_piece_needs_no_window(self) -> None:
        wire = Wire(answers=False)
        wire.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 0}), head(1, end=True))
        wire.ours.send_data(1, b"", end_stream=True)
        self.assertEqual([frame.kind for frame in wire.read()], [DATA])

    def test_trailers_wait_for_their_data_and_for_no_window(self) -> None:
        wire = Wire(answers=False)
        wire.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 5}), head(1, end=True))
        wire.ours.send_data(1, WORLD)
        wire.ours.send_data(1, b"")
        wire.ours.send_headers(1, STATUS, end_stream=True)
        self.assertEqual([frame.kind for frame in wire.read()], [DATA])
        wire.send(frames.window_update(1, len(WORLD) - 5))
        self.assertEqual([frame.kind for frame in wire.frames][-3:], [DATA, DATA, HEADERS])
        self.assertEqual(wire.ours.open_streams, 0)


class Drains(unittest.TestCase):
    def test_requests_on_their_way_are_served_and_later_ones_passed_over(self) -> None:
        pair = Pair()
        first = pair.client.request(POST, end_stream=True)
        pair.server.drain()
        events, of_server = pair.carry()
        self.assertEqual(of_server, [Headers(1, POST, True)])
        self.assertEqual(events, [GoingAway(MAX_31, NO_ERROR, b""), GoingAway(1, NO_ERROR, b"")])
        self.assertFalse(pair.server.is_drained)
        pair.server.send_headers(first, OK, end_stream=True)
        self.assertEqual(pair.carry()[0], [Headers(1, OK, True)])
        self.assertTrue(pair.server.is_drained)

    def test_both_steps_in_order(self) -> None:
        wire = Wire()
        wire.ours.drain()
        announced = wire.read()
        self.assertEqual([frame.kind for frame in announced], [GOAWAY, PING])
        self.assertEqual(frames.read_goaway(announced[0].payload)[0], MAX_31)
        wire.send(head(1, end=True))
        self.assertEqual(wire.body(1), WORLD)
        wire.send(frames.frame(PING, ACK, 0, announced[1].payload))
        self.assertEqual(frames.read_goaway(wire.of(GOAWAY)[-1].payload)[0], 1)
        self.assertEqual(wire.send(head(3), data(3), data(3, end=True)), [])
        self.assertIsNone(wire.goaway)
        self.assertEqual(wire.resets, {})

    def test_a_peer_that_does_not_answer_the_ping(self) -> None:
        wire = Wire()
        wire.ours.drain()
        wire.ours.stop_accepting()
        wire.ours.stop_accepting()
        self.assertEqual([frame.kind for frame in wire.read()], [GOAWAY, PING, GOAWAY])
        self.assertTrue(wire.ours.is_drained)

    def test_a_close_tells_why(self) -> None:
        wire = Wire(answers=False)
        wire.send(head(1))
        wire.ours.send_data(1, bytes(10 ** 6))
        wire.ours.close(INTERNAL_ERROR, "why")
        last = wire.read()[-1]
        self.assertEqual(frames.read_goaway(last.payload), (1, INTERNAL_ERROR, b"why"))
        self.assertEqual((wire.ours.queued_bytes, wire.send(head(3))), (0, []))
        self.assertEqual((wire.ours.open_streams, wire.ours.is_ended), (0, True))
        wire.ours.close(INTERNAL_ERROR)
        self.assertEqual(wire.read(), [])

    def test_a_client_that_goes_away_is_still_answered(self) -> None:
        wire = Wire()
        wire.send(head(1), frames.goaway(0, NO_ERROR))
        wire.send(data(1, WORLD, end=True))
        self.assertEqual(wire.body(1), WORLD)


class Mistakes(unittest.TestCase):
    """What h2spec does not ask."""

    def test_the_first_frame_is_settings(self) -> None:
        for first in (head(1), frames.frame(SETTINGS, ACK, 0)):
            server = Connection(is_client=False)
            event, = server.receive(PREFACE + first, 0.0)
            self.assertEqual((type(event), server.is_ended), (Ended, True))

    def test_a_mistake_of_one_stream_leaves_the_others(self) -> None:
        wire = Wire(answers=False)
        wire.send(head(1), head(3), data(1, WORLD))
        events = wire.send(head(1), data(3, WORLD, end=True))
        self.assertEqual(events, [Reset(1, PROTOCOL_ERROR, False), Data(3, WORLD, True)])

    def test_the_first_window_is_not_opened_by_nothing(self) -> None:
        """A WINDOW_UPDATE by 0 would be a mistake of ours."""
        ours = Connection(is_client=False, connection_window_bytes=WINDOW_BYTES)
        self.assertEqual([frame.kind for frame in split(ours.data_to_send())], [SETTINGS])

    def test_what_follows_a_refused_request_is_passed_over(self) -> None:
        wire = Wire(Connection(is_client=False, max_streams=1))
        wire.send(head(1), head(3), data(3), data(3, end=True))
        self.assertEqual([frame.stream_id for frame in wire.of(RST_STREAM)], [3])
        self.assertEqual(wire.resets, {3: REFUSED_STREAM})

    def test_header_fields_behind_a_body_end_it(self) -> None:
        wire = Wire(answers=False)
        wire.send(head(1))
        self.assertEqual(wire.send(head(1, STATUS)), [Reset(1, PROTOCOL_ERROR, False)])

    def test_a_request_that_was_refused_is_no_event(self) -> None:
        wire = Wire()
        self.assertEqual(wire.send(head(1, (*POST, (b"Upper", b"x")))), [])
        self.assertEqual(wire.ours.open_streams, 0)

    def test_the_table_stays_right_where_a_block_is_passed_over(self) -> None:
        """A refused stream's header block still puts its fields into the table."""
        server = Connection(is_client=False, max_streams=1)
        wire = Wire(server)
        wire.answers = False
        kept = b"\x3f\xe1\x1f" b"\x83\x86\x84\x40\x01x\x01y"
        wire.send(head(1), block(3, kept))
        self.assertEqual(wire.resets, {3: REFUSED_STREAM})
        server.reset(1, CANCEL)
        self.assertEqual(wire.send(block(5, b"\x83\x86\x84\xbe")),
                         [Headers(5, (*POST[:3], (b"x", b"y")), True)])

    def test_closed_streams_are_remembered_up_to_a_bound(self) -> None:
        wire = Wire()
        for number in range(1, 6 * MAX_CLOSED, 2):
            wire.ours.receive(head(number, end=True), 0.0)
            wire.ours.send_headers(number, OK, end_stream=True)
        self.assertEqual(len(wire.ours._streams.closed), MAX_CLOSED)
        wire.read()
        wire.send(data(1))
        self.assertEqual(wire.resets, {1: STREAM_CLOSED})

    def test_reset_of_a_body_that_does_not_end_well(self) -> None:
        for length, sent in ((b"5", b"four"), (b"3", b"four")):
            wire = Wire(answers=False)
            wire.send(head(1, (*POST, (b"content-length", length))))
            self.assertEqual(wire.send(data(1, sent, end=True)), [Reset(1, PROTOCOL_ERROR, False)])
        wire = Wire(answers=False)
        wire.send(head(1, (*POST, (b"content-length", b"8"))), data(1, b"four"))
        self.assertEqual(wire.send(data(1, b"fives")), [Reset(1, PROTOCOL_ERROR, False)])

    def test_text_of_a_goaway_is_cut(self) -> None:
        event, = Wire().send(frames.goaway(0, NO_ERROR, b"x" * 10_000))
        self.assertEqual(event, GoingAway(0, NO_ERROR, b"x" * 200))

    def test_rst_of_the_connection_is_counted_once(self) -> None:
        wire = Wire(answers=False)
        wire.send(head(1), frames.rst_stream(1, CANCEL), frames.rst_stream(1, CANCEL))
        self.assertEqual([type(event) for event in wire.events], [Headers, Reset])
        self.assertEqual(wire.of(RST_STREAM), [])


class Fields(unittest.TestCase):
    def malformed(self, *fields: tuple[bytes, bytes]) -> None:
        with self.subTest(fields), self.assertRaises(Malformed):
            content_length((*OK, *fields), REPLY)

    def test_what_could_be_read_in_two_ways(self) -> None:
        for value in (b"a\r\nb: c", b"a\nb", b"a\0b", b" a", b"a ", b"\ta", b"a\t"):
            self.malformed((b"x", value))
        for name in (b"", b"a b", b"a:b", b"A", b"a\n", b"\xe4", b"a\0"):
            self.malformed((name, b"x"))
        for name in (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding",
                     b"upgrade", b"te"):
            self.malformed((name, b"x"))
        for length in (b"-1", b"+1", b"1_0", b"", b"0x1", b"\xd9\xa1", b"9" * 19):
            self.malformed((b"content-length", length))
        self.malformed((b"content-length", b"1"), (b"content-length", b"1"))

    def test_what_is_allowed(self) -> None:
        for field in ((b"te", b"trailers"), (b"x", b""), (b"x", b"a b"), (b"x-bin", b"\xff\x80"),
                      (b"cookie", b"a=b")):
            self.assertIsNone(content_length((*OK, field), REPLY))

    def test_connect_has_no_path(self) -> None:
        connect = ((b":method", b"CONNECT"), (b":authority", b"host:1"))
        self.assertIsNone(content_length(connect, REQUEST))
        with self.assertRaises(Malformed):
            content_length((*connect, (b":path", b"/")), REQUEST)


if __name__ == "__main__":
    unittest.main()
