"""Remote procedure calls: calls and results as XML, and which function a call means.

    marshal.py      calls, results and faults as XML-RPC documents, and back; what is refused
    to_xml.py       values as XML: which ones are carried, and what to send instead of others
    from_xml.py     XML as values: what other clients write is read, and all else is refused
    dates.py        dates and times as text, in the forms that other clients send
    charset.py      a body in another encoding than UTF-8
    plain.py        all of this for plain values, ten times as fast (an optimisation: skip at first)
    layers.py       what is inside of a callable: partials, bound methods, decorators, its function
    method.py       a function as a server serves it: its parameters, its types, its mark
    signature.py    the types of a function in XML-RPC's words
    instance.py     the public methods of an object
    dispatcher.py   finds the function that a call means, runs it, and makes a fault of its errors
    introspection.py  what every server says of itself: system.listMethods and its like
    raised.py       the story of an exception for the server's log: which line, and how it came
    current.py      the call that a function runs in: who has called, with which headers
    called.py       a call in one line of the log, for --verbose
"""
