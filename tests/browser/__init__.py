"""The live page in a real Chromium: python3 -m tests.browser.

    __main__.py    the command line: installs, runs the checks, and counts
    install.py     Debian's Chromium
    chromium.py    one running Chromium, and its flags
    keeper.py      the process above Chromium, which leaves nothing of it
    pipe.py        the DevTools protocol over two pipes
    tab.py         one page: what a person does with it, what the browser says about it
    keyboard.py    what a keyboard sends for a key
"""
