"""Known-wrong solutions of the lesson, each with the check that rejects it and its message."""

from __future__ import annotations

from course.wrong import Mutant

_BUFFER = '        self.buffer = b""       # what has come, and is in no message yet\n'
_FEED = "        self.buffer += data\n"
_SPLIT = '        head, end, rest = self.buffer.partition(b"\\r\\n\\r\\n")\n'
_LONG_HEAD = '''        if len(head) > MAX_HEAD_BYTES:
            raise ValueError("the head is too long")
'''
_NO_END = '''        if not end:
            return None
'''
_LENGTH = '        length = length_of(head.decode("latin-1"))\n'
_SHORT = "        if len(rest) < length:\n"
_REST = "        self.buffer = rest[length:]\n"
_OUT = '        return head.decode("latin-1"), rest[:length].decode("utf-8")\n'
_LINES = '    lines = [line.partition(":") for line in head.split("\\r\\n")]\n'
_FOUND = ("    found = [value.strip() for name, _, value in lines "
          'if name.lower() == "content-length"]\n')
_ONE = '    if len(found) != 1 or not re.fullmatch("[0-9]+", found[0]):\n'
_LONG_TEXT = '''    if int(found[0]) > MAX_TEXT_BYTES:
        raise ValueError("the text is too long")
'''
_WRITES = '    head += f"\\r\\nContent-Length: {len(data)}\\r\\n\\r\\n"\n'
_NO_METHOD = '''\
    if name.startswith("_") or not callable(getattr(type(service), name, None)):
        return FAULT, f"there is no method {name}"
'''
_RUN = "        return RESULT, getattr(service, name)(*params)\n"
_EXCEPT = "    except BaseException as error:\n"
_FAULT = '        return FAULT, f"{type(error).__name__}: {error}"\n'
_TRY = "    try:\n" + _RUN + _EXCEPT + _FAULT

MUTANTS = (
    # The bytes.
    Mutant("one_recv_one_message", _FEED, "        self.buffer = data\n", "c1", "missing"),
    Mutant("takes_what_is_there", _SHORT, "        if not rest:\n", "c1", "half"),
    Mutant("two_pieces_at_most", _FEED, '''\
        self.last, last = data, getattr(self, "last", b"")
        self.buffer = last + data if self.buffer else data
''', "c1", "missing"),
    Mutant("the_last_piece_alone_is_new", _FEED + "\n    def next_message(self):\n", '''\
        self.new = data

    def next_message(self):
        self.buffer, self.new = self.buffer + getattr(self, "new", b""), b""
''', "c1", "missing"),
    Mutant("half_a_head_is_refused", _NO_END, '''        if not end:
            raise ValueError("no empty line")
''', "c1", "refused_nothing"),
    Mutant("half_a_text_is_refused", _SHORT + "            return None\n", '''\
        if len(rest) < length:
            raise ValueError("the text is too short")
''', "c1", "refused_a_right_one"),
    Mutant("waits_for_one_byte_more", _SHORT, "        if len(rest) <= length:\n",
           "c1", "missing"),
    Mutant("takes_nothing_out", _REST, "", "c1", "one_too_many"),
    Mutant("head_goes_before_its_text", _SHORT, '''\
        self.buffer = rest
        if len(rest) < length:
''', "c1", "missing"),
    Mutant("reply_without_length", _WRITES, '    head += "\\r\\n\\r\\n"\n',
           "c1", "reply_cannot_be_read"),
    Mutant("length_of_the_whole_reply", "{len(data)}", "{len(head) + len(data)}",
           "c1", "reply_length"),
    Mutant("drops_what_follows", _REST, '        self.buffer = b""\n', "c2", "missing"),
    Mutant("one_message_for_each_piece", _REST + _OUT, _REST + '''\
        self.next_message = lambda: self.__dict__.pop("next_message") and None
''' + _OUT, "c2", "missing"),
    Mutant("takes_the_last_empty_line", "self.buffer.partition", "self.buffer.rpartition",
           "c2", "refused_a_right_one"),
    Mutant("characters_for_bytes", "{len(data)}", "{len(text)}", "c3", "reply_length"),
    Mutant("counts_characters", _SHORT + "            return None\n" + _REST + _OUT, '''\
        text = rest.decode("utf-8", "ignore")
        if len(text) < length:
            return None
        self.buffer = text[length:].encode("utf-8")
        return head.decode("latin-1"), text[:length]
''', "c3", "missing"),
    Mutant("each_piece_is_a_text", _FEED,
           '        self.buffer += data.decode("utf-8").encode("utf-8")\n',
           "c3", "refused_a_right_one"),
    Mutant("each_byte_is_a_character", 'rest[:length].decode("utf-8")',
           'rest[:length].decode("latin-1")', "c3", "another_text"),
    Mutant("letters_are_lost", 'rest[:length].decode("utf-8")',
           'rest[:length].decode("ascii", "ignore")', "c3", "another_text"),
    # The head.
    Mutant("large_letters_matter", 'name.lower() == "content-length"',
           'name == "Content-Length"', "c4", "refused_a_right_one"),
    Mutant("one_space_and_no_other", 'line.partition(":")', 'line.partition(": ")',
           "c4", "refused_a_right_one"),
    Mutant("length_stands_first", "in lines if", "in lines[1:2] if",
           "c4", "refused_a_right_one"),
    Mutant("length_stands_last", "in lines if", "in lines[-1:] if",
           "c4", "refused_a_right_one"),
    Mutant("any_name_that_ends_so", "name.lower() ==", "name.lower()[-14:] ==",
           "c4", "refused_a_right_one"),
    Mutant("any_name_that_begins_so", "name.lower() ==", "name.lower()[:14] ==",
           "c4", "refused_a_right_one"),
    Mutant("length_stands_anywhere", _LINES + _FOUND,
           '    found = re.findall(r"(?i)content-length:\\s*(.*?)\\s*$", head, re.MULTILINE)[:1]\n',
           "c4", "another_text"),
    Mutant("one_colon_in_a_line", _LINES + _FOUND, '''\
    headers = dict(line.lower().split(":") for line in head.split("\\r\\n")[1:])
    found = [headers["content-length"].strip()] if "content-length" in headers else []
''',
           "c4", "refused_a_right_one"),
    Mutant("zeros_are_octal", "    return int(found[0])\n", "    return int(found[0], 0)\n",
           "c4", "refused_a_right_one"),
    Mutant("post_begins_a_message", _FEED, '''\
        self.buffer = data if data.startswith(b"POST ") else self.buffer + data
''', "c4", "another_text"),
    Mutant("an_empty_reply_is_none", "    data = text.encode(\"utf-8\")\n",
           "    data = (text or \"none\").encode(\"utf-8\")\n", "c4", "another_reply"),
    Mutant("an_empty_text_never_ends", _SHORT, "        if not rest or len(rest) < length:\n",
           "c4", "missing"),
    Mutant("no_text_is_no_message", _OUT, _OUT + '''

class Parser(Parser):
    def next_message(self, look=Parser.next_message):
        found = look(self)
        return found if found and found[1] else None
''', "c4", "missing"),
    Mutant("spaces_do_not_count", 'rest[:length].decode("utf-8")',
           'rest[:length].decode("utf-8").strip()', "c4", "another_text"),
    Mutant("half_an_empty_line_makes_a_head_too_long", "len(head) > MAX_HEAD_BYTES:",
           "len(head) > MAX_HEAD_BYTES - 3:", "c4", "refused_a_right_one"),
    Mutant("looks_on_where_it_stopped", _SPLIT, '''\
        self.looked = getattr(self, "looked", 0)
        at = self.buffer.find(b"\\r\\n\\r\\n", self.looked)
        if at < 0:
            self.looked = max(len(self.buffer) - 3, 0)
            at = len(self.buffer)
        head, end, rest = self.buffer[:at], self.buffer[at:at + 4], self.buffer[at + 4:]
''', "c4", "missing"),
    Mutant("longest_text_is_too_long", "int(found[0]) > MAX_TEXT_BYTES",
           "int(found[0]) >= MAX_TEXT_BYTES", "c4", "refused_a_right_one"),
    # The call.
    Mutant("exception_kills_the_server", _TRY, _RUN[4:], "c5", "server_died"),
    Mutant("exit_kills_the_server", "except BaseException as", "except Exception as",
           "c5", "server_died"),
    Mutant("unknown_name_kills_the_server", _NO_METHOD, '''\
    if name.startswith("_") or not callable(getattr(type(service), name)):
        return FAULT, f"there is no method {name}"
''', "c5", "server_died"),
    Mutant("fault_is_a_value", "        return FAULT, f\"{type", "        return RESULT, f\"{type",
           "c5", "fault_is_a_value"),
    Mutant("fault_without_its_type", _FAULT, "        return FAULT, str(error)\n",
           "c5", "another_fault"),
    Mutant("fault_as_python_shows_it", _FAULT, "        return FAULT, repr(error)\n",
           "c5", "another_fault"),
    Mutant("fault_tells_the_insides", _FAULT, '''\
        import traceback
        return FAULT, traceback.format_exc()
''', "c5", "another_fault"),
    Mutant("fault_is_the_exception", _FAULT, "        return FAULT, error\n", "c5", "no_text"),
    Mutant("fault_of_its_first_argument",
           "        return FAULT, f\"{type(error).__name__}: {error}\"\n",
           "        return FAULT, f\"{type(error).__name__}: {error.args[0]}\"\n",
           "c5", "server_died"),
    Mutant("a_second_try", _FAULT, '''\
        try:
            return RESULT, getattr(service, name)(*params)
        except BaseException as error:
            return FAULT, f"{type(error).__name__}: {error}"
''', "c5", "ran_twice"),
    Mutant("their_missing_attribute_is_our_missing_method", _EXCEPT, '''\
    except AttributeError:
        return FAULT, f"there is no method {name}"
    except BaseException as error:
''', "c5", "another_fault"),
    Mutant("their_type_error_is_our_wrong_number", _EXCEPT, '''\
    except TypeError:
        return FAULT, "wrong number of parameters"
    except BaseException as error:
''', "c5", "another_fault"),
    Mutant("nothing_is_a_fault", _RUN, '''\
        value = getattr(service, name)(*params)
        return (FAULT, "no value") if value is None else (RESULT, value)
''', "c5", "value_is_a_fault"),
    Mutant("zero_is_nothing", "(*params)\n", "(*params) or None\n", "c5", "another_value"),
    # The name.
    Mutant("serves_private_names", 'name.startswith("_") or ', "", "c6", "not_for_callers"),
    Mutant("two_underscores_are_private", 'name.startswith("_")', 'name.startswith("__")',
           "c6", "not_for_callers"),
    Mutant("a_dot_opens_what_is_inside", _NO_METHOD + "    try:\n" + _RUN, '''\
    if name.startswith("_"):
        return FAULT, f"there is no method {name}"
    try:
        method = service
        for part in name.split("."):
            method = getattr(method, part)
        return RESULT, method(*params)
''', "c6", "not_for_callers"),
    Mutant("a_dot_opens_what_is_public", _NO_METHOD + "    try:\n" + _RUN, '''\
    if any(part.startswith("_") for part in name.split(".")):
        return FAULT, f"there is no method {name}"
    try:
        return RESULT, __import__("operator").attrgetter(name)(service)(*params)
''', "c6", "not_for_callers"),
    Mutant("what_is_no_method_is_told", _NO_METHOD, '''\
    if name.startswith("_") or not hasattr(type(service), name):
        return FAULT, f"there is no method {name}"
    if not callable(getattr(service, name)):
        return RESULT, getattr(service, name)
''', "c6", "not_for_callers"),
    Mutant("a_property_is_read", "getattr(type(service), name, None)",
           "getattr(service, name, None)", "c6", "ran_without_a_method"),
    Mutant("large_letters_do_not_matter", _NO_METHOD, "    name = name.lower()\n" + _NO_METHOD,
           "c6", "not_for_callers"),
    Mutant("spaces_do_not_matter", _NO_METHOD, "    name = name.strip()\n" + _NO_METHOD,
           "c6", "not_for_callers"),
    Mutant("part_of_a_name_is_enough", _NO_METHOD, '''\
    names = [each for each in dir(service) if each.startswith(name) and each[0] != "_"]
    name = names[0] if len(names) == 1 else name
''' + _NO_METHOD, "c6", "not_for_callers"),
    Mutant("the_language_is_served", _NO_METHOD + "    try:\n" + _RUN, '''\
    method = getattr(type(service), name, None) or globals().get(name)
    if name.startswith("_") or not callable(method):
        return FAULT, f"there is no method {name}"
    try:
        return RESULT, getattr(service, name, method)(*params)
''', "c6", "not_for_callers"),
    Mutant("inherits_nothing", "getattr(type(service), name, None)",
           "vars(type(service)).get(name)", "c5", "value_is_a_fault"),
    Mutant("no_underscore_at_all", 'name.startswith("_")', '"_" in name',
           "c5", "value_is_a_fault"),
    # Several callers.
    Mutant("one_buffer_for_all_callers", "    def __init__(self):\n" + _BUFFER,
           '''\
    shared = [b""]
    buffer = property(lambda self: self.shared[0],
                      lambda self, data: self.shared.__setitem__(0, data))
''', "c7", "another_text"),
    Mutant("much_at_once_is_refused", _LONG_HEAD, '''\
        if len(self.buffer) > 2 * (MAX_HEAD_BYTES + MAX_TEXT_BYTES):
            raise ValueError("this is too much")
''' + _LONG_HEAD, "c7", "refused_a_right_one"),
    Mutant("keeps_all_that_has_come", _BUFFER, '''\
        self.buffer, self.all = b"", []
        feed = self.feed
        self.feed = lambda data: (self.all.append(data), feed(data))
''', "c7", "keeps_messages"),
    # What is no message.
    Mutant("missing_length_is_nothing", _ONE, '''\
    if not found:
        return 0
''' + _ONE, "c8", "took_no_message"),
    Mutant("whatever_int_takes", 'not re.fullmatch("[0-9]+", found[0])', "int(found[0]) < 0",
           "c8", "took_no_message"),
    Mutant("less_than_nothing", "[0-9]+", "-?[0-9]+", "c8", "took_no_message"),
    Mutant("digits_come_first", "re.fullmatch", "re.match", "c8", "took_no_message"),
    Mutant("lines_end_in_any_way", 'head.split("\\r\\n")', "head.splitlines()",
           "c8", "took_no_message"),
    Mutant("lines_end_in_a_bare_newline", 'head.split("\\r\\n")', 'head.split("\\n")',
           "c8", "took_no_message"),
    Mutant("first_length_counts", "len(found) != 1 or", "not found or", "c8", "took_no_message"),
    Mutant("digits_of_any_script", _LINES + _FOUND + _ONE,
           '    head = head.encode("latin-1").decode("utf-8")\n' + _LINES + _FOUND
           + '    if len(found) != 1 or not found[0].isdecimal():\n', "c8", "took_no_message"),
    Mutant("a_list_has_a_first_length", "value.strip() for", 'value.split(",")[0].strip() for',
           "c8", "took_no_message"),
    Mutant("equal_lengths_are_one", "len(found) != 1 or", "len(set(found)) != 1 or",
           "c8", "took_no_message"),
    Mutant("no_limit_of_the_text", _LONG_TEXT, "", "c8", "not_refused"),
    Mutant("limit_is_looked_at_late", _LONG_TEXT + "    return int(found[0])\n", '''\
    return int(found[0])
''', "c8", "not_refused"),
    Mutant("no_limit_of_the_head", _LONG_HEAD, "", "c8", "not_refused"),
    Mutant("limit_of_a_whole_head_alone", _LONG_HEAD + _NO_END, _NO_END + _LONG_HEAD,
           "c8", "not_refused"),
    Mutant("limit_of_half_a_head_alone", _LONG_HEAD + _NO_END, '''\
        if not end and len(head) > MAX_HEAD_BYTES:
            raise ValueError("the head is too long")
''' + _NO_END, "c8", "took_no_message"),
    Mutant("what_is_no_text_is_mended", 'rest[:length].decode("utf-8")',
           'rest[:length].decode("utf-8", "replace")', "c8", "took_no_message"),
    Mutant("looks_for_the_next_one", _LENGTH, '''\
        try:
            length = length_of(head.decode("latin-1"))
        except ValueError:
            self.buffer = rest
            return self.next_message()
''', "c8", "not_refused"),
    Mutant("an_error_of_another_kind", _ONE, '''\
    if not found:
        raise KeyError("Content-Length")
''' + _ONE, "c8", "parser_died"),
)
