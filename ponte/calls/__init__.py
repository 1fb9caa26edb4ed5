"""What happens to a call: whether it may be sent again, who is asked, and what is remembered.

    endpoint.py    one server or proxy, as a caller knows it
    rule.py        rule R, the heart: what happened to a call, and what may be tried next
    balancing.py   which endpoint is asked first, which next, and which is left alone
    budget.py      how many retries a service may cost
    once.py        at most once: replies are remembered, so that a repeat gets the first reply
    hop.py         the headers of one attempt, and the outcome of one exchange
"""
