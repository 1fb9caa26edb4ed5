"""Remote procedure calls: calls and results as XML, and which function a call means.

    marshal.py      calls, results and faults as XML-RPC documents, and back; what is refused
    plain.py        the same for plain values, ten times as fast (an optimisation: skip at first)
    method.py       a function as a server serves it: its parameters, its types, its mark
    dispatcher.py   finds the function that a call means, runs it, and makes a fault of its errors
"""
