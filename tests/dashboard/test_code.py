"""The code of a class: what it carries, and which mistakes are noticed."""

from __future__ import annotations

import random
import unittest

from dashboard.code import LETTERS, SECRET_BITS, Invitation, WrongCode, new_invitation, read_code


class Code(unittest.TestCase):
    def test_it_carries_address_port_and_secret(self) -> None:
        """The smallest and the largest values of each, and many others."""
        numbers = random.Random(17)
        cases = [("0.0.0.1", 1, 0), ("255.255.255.254", 65535, 2 ** SECRET_BITS - 1)]
        cases += [(f"10.{numbers.randrange(256)}.{numbers.randrange(256)}.7",
                   numbers.randrange(1, 65536), numbers.getrandbits(SECRET_BITS))
                  for _ in range(200)]
        for case in cases:
            invitation = Invitation(*case)
            self.assertEqual(read_code(invitation.code()), invitation)

    def test_its_form(self) -> None:
        """21 letters in groups of three, none that is easily taken for another one."""
        code = new_invitation("192.168.1.20", 4190).code()
        self.assertRegex(code, r"^([0-9A-HJKMNP-TV-Z]{3}-){6}[0-9A-HJKMNP-TV-Z]{3}$")

    def test_case_spaces_hyphens_and_lookalikes_do_not_matter(self) -> None:
        invitation = Invitation("10.1.0.1", 4190, 0)
        code = invitation.code()
        for typed in (code.lower(), code.replace("-", ""), code.replace("-", " "), f"  {code}\n",
                      code.replace("0", "o"), code.replace("0", "O"), code.replace("1", "l"),
                      code.replace("1", "I"), code.replace("1", "i")):
            with self.subTest(typed):
                self.assertEqual(read_code(typed), invitation)

    def test_one_wrong_letter_is_always_noticed(self) -> None:
        letters = Invitation("192.168.1.20", 4190, 987654321).code().replace("-", "")
        for at, right in enumerate(letters):
            for wrong in LETTERS:
                if wrong != right:
                    with self.assertRaises(WrongCode) as raised:
                        read_code(letters[:at] + wrong + letters[at + 1:])
                    self.assertEqual(raised.exception.reason, "check")

    def test_two_letters_that_have_changed_places_are_noticed(self) -> None:
        letters = Invitation("192.168.1.20", 4190, 987654321).code().replace("-", "")
        for one in range(len(letters)):
            for other in range(one):
                swapped = list(letters)
                swapped[one], swapped[other] = swapped[other], swapped[one]
                if letters[one] != letters[other]:
                    with self.assertRaises(WrongCode):
                        read_code("".join(swapped))

    def test_what_is_no_code(self) -> None:
        code = new_invitation("192.168.1.20", 4190).code()
        for typed, reason, what in (("", "length", 0), (code[:-1], "length", 20),
                                    (code + "7", "length", 22), ("U" + code[1:], "letter", "U"),
                                    ("é" + code[1:], "letter", "É"),
                                    ("192.168.1.20", "letter", ".")):
            with self.subTest(typed), self.assertRaises(WrongCode) as raised:
                read_code(typed)
            self.assertEqual((raised.exception.reason, raised.exception.what), (reason, what))

    def test_each_class_has_a_key_of_its_own(self) -> None:
        """Of the secret, and of the place: two classes of one secret have two keys."""
        keys = {Invitation("10.0.0.1", 4190, 1).key(), Invitation("10.0.0.1", 4190, 2).key(),
                Invitation("10.0.0.1", 4191, 1).key(), Invitation("10.0.0.2", 4190, 1).key()}
        self.assertEqual({len(key) for key in keys}, {32})
        self.assertEqual(len(keys), 4)

    def test_secrets_differ(self) -> None:
        self.assertEqual(len({new_invitation("10.0.0.1", 1).secret for _ in range(100)}), 100)


if __name__ == "__main__":
    unittest.main()
