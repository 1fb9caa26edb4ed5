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
"""

RUN, WAIT, NEVER, REFUSE, UNKNOWN = "run", "wait", "never", "refuse", "unknown"


class Session:
    def __init__(self):
        self.oldest = 1         # numbers below it have ended
        self.running = set()
        self.replies = {}       # by number


class Memory:
    def __init__(self, new_id):
        self.new_id = new_id    # makes an id that no session of any life ever had
        self.sessions = {}

    def open(self):
        """A new session; returns its id."""
        name = self.new_id()
        self.sessions[name] = Session()
        return name

    def arrives(self, name, number, oldest, is_repeat):
        """What becomes of an attempt of call `number` in the session `name`.

        `is_repeat`: the caller has sent this call before.
        """
        session = self.sessions.get(name)
        if session is None:
            return UNKNOWN if is_repeat else REFUSE
        session.oldest = max(session.oldest, oldest)
        for ended in [n for n in session.replies if n < session.oldest]:
            del session.replies[ended]
        if number < session.oldest:
            return NEVER
        if number in session.replies:
            return session.replies[number]
        if number in session.running:
            return WAIT
        session.running.add(number)
        return RUN

    def finished(self, name, number, reply):
        """Call `number` has run, and this is its reply."""
        session = self.sessions[name]
        session.running.discard(number)
        if number >= session.oldest:
            session.replies[number] = reply
