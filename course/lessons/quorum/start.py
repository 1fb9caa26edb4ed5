"""A register that several computers keep: one value, which clients read and write.

Each replica keeps the value, a number; there is one Replica on each of `count` computers. Each
client has one Register, and does one thing after the other. What must hold:

    no client can tell the register from one value at one place: no read gives an old value
    a client that reaches more than half of the replicas ends each read and each write

A replica may be cut off, for ever too. A message may come late, or twice. The clocks of two
computers differ.

`self.ask("fetch")` sends a question to all replicas: each calls its method of this name. Then the
answers come, one by one, in any order, and some of them never:

    async for replica, answer in self.ask("fetch"):
        ...

Such a loop waits for the next answer until you leave it; meanwhile others go on. A question is on
its way even if you read none of its answers. Messages carry numbers, texts, None, and tuples, lists
and dictionaries of them. A register that nobody has written gives None.

So far the first answer is enough.
"""

import time


class Replica:
    def __init__(self):
        self.version, self.value = 0, None

    def fetch(self):
        return self.version, self.value

    def store(self, version, value):
        if version > self.version:
            self.version, self.value = version, value


class Register:
    def __init__(self, me, count, ask):
        self.me, self.count, self.ask = me, count, ask  # me: the name of this client

    async def write(self, value):
        await self.first("store", time.time(), value)

    async def read(self):
        _, value = await self.first("fetch")
        return value

    async def first(self, *question):
        """What the first replica answers."""
        answers = {}
        async for replica, answer in self.ask(*question):
            answers[replica] = answer
            break
        return next(iter(answers.values()))
