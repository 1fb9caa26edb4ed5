"""What happens to a call: whether it may be sent again, who is asked, and what is remembered.

    endpoint.py    one server or proxy, as a caller knows it
    rule.py        rule R, the heart: what happened to a call, and what may be tried next
    balancing.py   which endpoint is asked first, which next, and which is left alone
    budget.py      how many retries a service may cost
    once.py        at most once: what is remembered of a call, and what becomes of each attempt
    session.py     the caller's side of it: sessions, and the numbers of calls
    attempt.py     one attempt of a call: how it goes out, and what it comes to
    hop.py         the headers of one attempt, and the outcome of one exchange
    arrival.py     an attempt as it arrives at a server or a proxy
    resolving.py   what came of a call whose outcome is unknown?
    errors.py      NotSent, and OutcomeUnknown, which can be resolved
"""
