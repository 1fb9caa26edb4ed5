"""At most once: what a server remembers of the calls that it got.

A caller asks for a session once. Each of its calls has the next number of that session, and says
which is the oldest number whose outcome the caller still waits for: the replies of the numbers
below it must be forgotten. Several calls may be under way at once, and come in any order.

`arrives` is told of each attempt of a call that comes, and says what becomes of it:

    RUN        run it now; `finished` is called with its reply when it has run
    WAIT       it runs already: its reply answers this attempt, too
    NEVER      it must not run: its caller has ended with it
    REFUSE     it must not run: the session is not known. The caller asks for another one
    UNKNOWN    nothing is known of it: it may have run
    a reply    the one that `finished` was called with, which is never None

A server that restarts makes a new, empty memory.

So far this memory remembers nothing.
"""

RUN, WAIT, NEVER, REFUSE, UNKNOWN = "run", "wait", "never", "refuse", "unknown"


class Memory:
    def __init__(self, new_id):
        self.new_id = new_id    # makes an id that no session of any life ever had

    def open(self):
        """A new session; returns its id."""
        return self.new_id()

    def arrives(self, name, number, oldest, is_repeat):
        """What becomes of an attempt of call `number` in the session `name`.

        `is_repeat`: the caller has sent this call before.
        """
        return RUN

    def finished(self, name, number, reply):
        """Call `number` has run, and this is its reply."""
