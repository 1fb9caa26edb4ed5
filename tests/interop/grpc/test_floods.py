"""Peers that make work for nothing: refused, with bounded memory; a busy honest peer is not."""

from __future__ import annotations

import unittest
from collections.abc import Iterator

from interop.grpc import frames, hpack
from interop.grpc.events import Data, Headers
from interop.grpc.frames import (
    ACK,
    CANCEL,
    CONTINUATION,
    DATA,
    ENHANCE_YOUR_CALM,
    FRAME_BYTES,
    HEADERS,
    MAX_31,
    PING,
    PRIORITY,
    SETTINGS,
    ConnectionFault,
    frame,
)
from interop.grpc.h2 import Connection
from interop.grpc.outbox import MAX_ANSWERS_BYTES
from interop.grpc.patience import BURST, FRAME, PER_S, RESET, Patience
from tests.interop.grpc.wire import OK, POST, WORLD, Wire, block, data, head

# Frames of a flood: what no honest peer sends at once.
MANY = 20_000
POST_BLOCK = hpack.encode(POST)


class Floods(unittest.TestCase):
    def stops(self, flood: Iterator[bytes], before: bytes = b"") -> int:
        """Sends a flood in one moment, and reads all answers. Returns after how many frames it is
        refused.
        """
        wire = Wire(answers=False)
        wire.send(before)
        for count, sent in enumerate(flood):
            wire.send(sent)
            if wire.goaway is not None:
                self.assertEqual(wire.goaway, ENHANCE_YOUR_CALM)
                self.assertEqual(wire.send(sent), [])
                return count
        raise AssertionError("nobody stopped it")

    def repeated(self, sent: bytes, before: bytes = b"") -> int:
        return self.stops((sent for _ in range(MANY)), before)

    def test_rapid_reset(self) -> None:
        """CVE-2023-44487: streams are opened and reset at once."""
        count = self.stops(head(number) + frames.rst_stream(number, CANCEL)
                           for number in range(1, MANY, 2))
        # The handshake has spent some of it, too.
        self.assertIn(count, (BURST // RESET - 1, BURST // RESET))

    def test_resets_that_the_peer_makes_us_send(self) -> None:
        """CVE-2025-8671: each stream is opened, and a frame in it is wrong."""
        for step in (0, MAX_31):
            self.stops(head(number) + frames.window_update(number, step)
                       for number in range(1, MANY, 2))
        self.stops(head(number) * 2 for number in range(1, MANY, 2))

    def test_requests_that_are_refused(self) -> None:
        self.stops(head(number, (*POST, (b"Upper", b"x"))) for number in range(1, MANY, 2))

    def test_more_streams_than_are_allowed(self) -> None:
        self.stops(head(number) for number in range(1, MANY, 2))

    def test_pings(self) -> None:
        """CVE-2019-9512."""
        self.repeated(frame(PING, 0, 0, b"12345678"))
        self.repeated(frame(PING, ACK, 0, b"12345678"))

    def test_settings(self) -> None:
        """CVE-2019-9515; also empty ones, and answers to ours."""
        self.repeated(frames.settings({frames.INITIAL_WINDOW_SIZE: 5}))
        self.repeated(frames.settings({}))
        self.repeated(frame(SETTINGS, ACK, 0))

    def test_data_without_data(self) -> None:
        """CVE-2019-9518."""
        self.repeated(data(1, b""), before=head(1))
        self.repeated(frame(DATA, frames.PADDED, 1, b"\x05" + bytes(5)), before=head(1))

    def test_windows_by_small_steps(self) -> None:
        """CVE-2019-9511: a reply of many frames of one byte."""
        self.repeated(frames.window_update(0, 1))
        wire = Wire(answers=False)
        wire.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 0}), head(1))
        wire.ours.send_data(1, bytes(10 ** 6))
        for _ in range(MANY):
            wire.send(frames.window_update(1, 1))
        self.assertEqual(wire.goaway, ENHANCE_YOUR_CALM)

    def test_priorities(self) -> None:
        """CVE-2019-9513."""
        self.repeated(frame(PRIORITY, 0, 1, b"\0\0\0\3\xff"))

    def test_unknown_frames_and_goaway(self) -> None:
        self.repeated(frame(0xBE, 0, 0, bytes(FRAME_BYTES)))
        self.repeated(frames.goaway(0, 0))

    def test_frames_of_streams_that_are_gone(self) -> None:
        for sent in (data(1), frames.window_update(1, 1), head(1),
                     frames.rst_stream(1, CANCEL)):
            with self.subTest(sent):
                self.repeated(sent, before=head(1) + frames.rst_stream(1, CANCEL))

    def test_continuations_without_an_end(self) -> None:
        """CVE-2024-27316: with data they meet the limit of a block, without data the patience."""
        begin = frame(HEADERS, 0, 1, POST_BLOCK)
        count = self.repeated(frame(CONTINUATION, 0, 1, bytes(1000)), before=begin)
        self.assertLess(count, 70)
        self.repeated(frame(CONTINUATION, 0, 1), before=begin)

    def test_a_bomb_of_header_fields(self) -> None:
        """CVE-2016-6581: a block of 16 KB that means 64 MB. Its stream is refused, others go on."""
        wire = Wire(answers=False)
        large = hpack.encode_integer(4000, 7) + b"a" * 4000
        kept = b"\x3f\xe1\x1f" b"\x83\x86\x84\x40\x01x" + large
        wire.send(head(1), block(3, kept))
        wire.send(block(5, b"\x83\x86\x84" + b"\xbe" * 16_000))
        self.assertEqual(wire.resets, {5: ENHANCE_YOUR_CALM})
        self.assertEqual(wire.send(data(1, WORLD, end=True)), [Data(1, WORLD, True)])

    def test_interim_replies_without_an_end(self) -> None:
        wire = Wire(Connection(is_client=True))
        wire.ours.request(POST)
        for _ in range(MANY):
            wire.send(head(1, ((b":status", b"103"),)))
        self.assertEqual(wire.goaway, ENHANCE_YOUR_CALM)


class UnreadAnswers(unittest.TestCase):
    """A peer that sends and does not read."""

    def test_answers_that_nobody_reads_are_bounded(self) -> None:
        upper = (*POST, (b"Upper", b"x"))
        for flood in ([frame(PING, 0, 0, b"12345678")] * 3000, [frames.settings({})] * 3000,
                      [head(number, upper) for number in range(1, 6000, 2)]):
            wire = Wire(answers=False)
            for second, sent in enumerate(flood):
                # So slow that the patience does not end.
                wire.ours.receive(sent, float(second))
                self.assertLess(wire.ours.queued_bytes, 2 * MAX_ANSWERS_BYTES)
            wire.read()
            self.assertEqual(wire.goaway, ENHANCE_YOUR_CALM)

    def test_window_updates_that_nobody_reads_are_bounded(self) -> None:
        """What a peer sends opens windows of ours: the frames that say so are few and small."""
        wire = Wire(answers=False)
        wire.send(head(1))
        for number in range(10_000):
            for event in wire.ours.receive(data(1, bytes(FRAME_BYTES)), float(number)):
                assert isinstance(event, Data)
                wire.ours.consumed(1, len(event.data))
        self.assertFalse(wire.ours.is_ended)
        self.assertLess(wire.ours.queued_bytes, 10_000 * 13 // 4)


class HonestPeers(unittest.TestCase):
    def test_calls_at_full_speed_with_their_window_updates(self) -> None:
        """20,000 calls in one second, each with two WINDOW_UPDATE and some PING."""
        wire = Wire(answers=False)
        for number in range(1, 40_000, 2):
            wire.ours.receive(head(number) + data(number, b"Hello", end=True)
                              + frames.window_update(0, 10) + frames.window_update(number, 10)
                              + (frame(PING, 0, 0, b"12345678") if number % 4 == 1 else b""),
                              number / 40_000)
            wire.ours.send_headers(number, OK)
            wire.ours.send_data(number, WORLD)
            wire.ours.send_headers(number, ((b"grpc-status", b"0"),), end_stream=True)
            wire.ours.data_to_send()
        self.assertIsNone(wire.goaway)

    def test_a_client_of_ours_whose_server_opens_windows_for_each_call(self) -> None:
        wire = Wire(Connection(is_client=True))
        for _ in range(5000):
            call = wire.ours.request(POST)
            wire.ours.send_data(call, b"Hello", end_stream=True)
            wire.send(frames.window_update(0, 5), frames.window_update(call, 5), head(call, OK),
                      data(call, WORLD, end=True))
        self.assertIsNone(wire.goaway)

    def test_a_large_upload_with_a_ping_for_each_frame(self) -> None:
        """So clients find out how much may be under way (gRPC's "BDP")."""
        wire = Wire(answers=False)
        wire.send(head(1))
        for _ in range(5000):
            wire.send(data(1, bytes(1000)), frame(PING, 0, 0, b"12345678"))
        self.assertIsNone(wire.goaway)

    def test_a_client_that_cancels_all_its_calls(self) -> None:
        wire = Wire(answers=False)
        for number in range(1, 200, 2):
            wire.send(head(number))
        for number in range(1, 200, 2):
            wire.send(frames.rst_stream(number, CANCEL))
        self.assertIsNone(wire.goaway)

    def test_a_large_download_with_a_window_update_for_each_frame(self) -> None:
        wire = Wire(answers=False)
        wire.send(head(1, end=True))
        wire.ours.send_data(1, bytes(20 * 1024 * 1024), end_stream=True)
        for _ in range(1280):
            wire.send(frames.window_update(0, FRAME_BYTES), frames.window_update(1, FRAME_BYTES))
        self.assertIsNone(wire.goaway)
        self.assertEqual(len(wire.body(1)), 20 * 1024 * 1024)

    def test_a_ping_each_second_for_hours(self) -> None:
        wire = Wire()
        for second in range(10_000):
            wire.ours.receive(frame(PING, 0, 0, b"12345678"), float(second))
            wire.ours.data_to_send()
        self.assertFalse(wire.ours.is_ended)

    def test_a_flood_ends_its_own_connection_only(self) -> None:
        flooded, other = Wire(), Wire()
        flooded.send(frame(PING, 0, 0, b"12345678") * MANY)
        self.assertEqual(flooded.goaway, ENHANCE_YOUR_CALM)
        self.assertEqual(other.send(head(1, end=True)), [Headers(1, POST, True)])
        self.assertEqual(other.body(1), WORLD)


class OfPatience(unittest.TestCase):
    def test_time_and_work_fill_the_bucket_up_to_its_brim(self) -> None:
        patience = Patience()
        patience.wait_until(1000.0)
        patience.spend(BURST)
        patience.wait_until(1001.0)
        patience.spend(PER_S)
        patience.earn(FRAME)
        patience.spend(FRAME)
        patience.wait_until(9000.0)
        patience.spend(BURST)
        with self.assertRaises(ConnectionFault):
            patience.spend(FRAME)


if __name__ == "__main__":
    unittest.main()
