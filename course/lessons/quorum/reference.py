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

An answer of more than half of the replicas is enough, and less is not.
"""


class Replica:
    def __init__(self):
        self.version, self.value = (0, ""), None    # the version: a number, and who wrote it

    def fetch(self):
        return self.version, self.value

    def store(self, version, value):
        if version > self.version:
            self.version, self.value = version, value


class Register:
    def __init__(self, me, count, ask):
        self.me, self.count, self.ask = me, count, ask  # me: the name of this client

    async def write(self, value):
        (number, _), _ = max(await self.majority("fetch"))
        await self.majority("store", (number + 1, self.me), value)

    async def read(self):
        version, value = max(await self.majority("fetch"))
        await self.majority("store", version, value)
        return value

    async def majority(self, *question):
        """The answers of more than half of the replicas."""
        answers = {}
        async for replica, answer in self.ask(*question):
            answers[replica] = answer
            if len(answers) > self.count / 2:
                break
        return answers.values()
