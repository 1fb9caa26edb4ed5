"""The bad network: what it does to packets. A run on it is `python3 -m tests.netns`."""

from __future__ import annotations

import random
import subprocess
import unittest
import unittest.mock
from collections.abc import Sequence

from tests.netns import weather
from tests.netns.namespaces import NoNamespaces, exit_code_of_skipped
from tests.netns.network import Network
from tests.netns.weather import CALM, CUT, Weather, deliveries, draw_weather
from tests.system.cluster import SystemTest
from tests.system.harness import START_S, wait_until
from tests.windows import windows_cannot

PLACES = ("left", "right")


class Draws(unittest.TestCase):
    def test_calm_weather_delivers_each_packet_at_once(self) -> None:
        self.assertEqual(deliveries(random.Random(1), CALM, 7.0), [7.0])

    def test_a_cut_delivers_none(self) -> None:
        rng = random.Random(1)
        self.assertEqual([deliveries(rng, CUT, 7.0) for _ in range(100)], [[]] * 100)

    def test_loss_duplication_and_delay_are_as_asked(self) -> None:
        rng = random.Random(1)
        drawn = [deliveries(rng, Weather(0.4, 0.1, 0.05, 0.02), 0.0) for _ in range(10_000)]
        arrived = [times for times in drawn if times]
        self.assertAlmostEqual(len(arrived) / len(drawn), 0.6, delta=0.02)
        twice = [times for times in arrived if len(times) == 2]
        self.assertAlmostEqual(len(twice) / len(arrived), 0.1, delta=0.02)
        late = [time for times in arrived for time in times if time > 0.05]
        self.assertAlmostEqual(len(late) / len(arrived), 0.022, delta=0.01)
        self.assertGreaterEqual(min(late), weather.STRAGGLER_S[0])
        self.assertLessEqual(max(late), weather.STRAGGLER_S[1])

    def test_a_round_cuts_some_directions_and_the_rest_loses_30_to_50_percent(self) -> None:
        directions = [("a", "b"), ("b", "a")] * 50
        drawn = [draw_weather(random.Random(seed), directions) for seed in range(50)]
        kinds = [each for one in drawn for each in one.values()]
        self.assertIn(CUT, kinds)
        losses = [each.loss for each in kinds if each != CUT]
        self.assertTrue(all(0.3 <= loss <= 0.5 for loss in losses), losses)


def namespaces() -> str:
    return subprocess.run(["ip", "netns", "list"], capture_output=True, text=True,
                          check=True).stdout


@windows_cannot("it has no network namespaces")
class Networks(SystemTest):
    def open(self, places: Sequence[str]) -> Network:
        try:
            network = Network(places, random.Random(1))
        except NoNamespaces as error:
            if exit_code_of_skipped():
                raise
            raise unittest.SkipTest(f"needs network namespaces: {error}") from None
        self.addCleanup(self.close, network)
        return network

    def close(self, network: Network) -> None:
        network.close()
        for name in network.namespaces.values():
            self.assertNotIn(name, namespaces())

    def test_packets_go_from_place_to_place_and_a_cut_cuts_one_way(self) -> None:
        network = self.open(PLACES)
        listener = self.cluster.start(
            "-m", "tests.netns.enter", network.namespaces["right"], "-c",
            "import socket\n"
            "s = socket.socket(type=socket.SOCK_DGRAM)\n"
            f"s.bind(('{network.addresses['right']}', 4100))\n"
            "print('bound', flush=True)\n"
            "while True: print(s.recv(100).decode(), flush=True)")
        listener.wait_for_line("bound", START_S)

        def send(text: str) -> None:
            sender = self.cluster.start(
                "-m", "tests.netns.enter", network.namespaces["left"], "-c",
                "import socket\n"
                "s = socket.socket(type=socket.SOCK_DGRAM)\n"
                f"s.sendto(b'{text}', ('{network.addresses['right']}', 4100))")
            self.assertEqual(sender.wait(START_S), 0)

        network.weather = {("right", "left"): CUT}
        send("first")
        listener.wait_for_line("first", START_S)
        network.weather = {("left", "right"): CUT}
        lost = network.counts["lost"]
        send("second")
        wait_until(lambda: network.counts["lost"] == lost + 1, START_S, "the datagram is lost")
        network.weather = {}
        send("third")
        listener.wait_for_line("third", START_S)
        self.assertNotIn("second", listener.out)


if __name__ == "__main__":
    unittest.main()
