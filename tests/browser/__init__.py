"""The live page in a real Chromium: python3 -m tests.browser.

    __main__.py      the command line: installs, runs the checks, and counts
    install.py       Debian's Chromium
    chromium.py      one running Chromium, and its flags
    keeper.py        the process above Chromium, which leaves nothing of it
    pipe.py          the DevTools protocol over two pipes
    tab.py           one page: what a person does with it, what the browser says about it
    keyboard.py      what a keyboard sends for a key
    tracing.py       what the script and the layout of a frame cost
    stage.py         `demo.py page` with its page in a tab, and what its processes say
    watch.js         when something comes true in the page, frame by frame
    checks.py        what a check is; all_checks.py: all of them
    check_faults.py  each fault is clicked, and held against the processes
    check_time.py    pause, step, scrub, save, record, replay
    check_layout.py  sizes, languages, themes; layout.py and layout.js compute it, wrong.html has
                     each fault
    check_people.py  keys alone, reduced motion, grey, print
    check_pages.py   no token, two pages, a server that goes, foreign names
    check_speed.py   a flood, and from a click to the picture
    check_story.py   the story, a prediction, the phones of a class
    pictures.py      the saved page and the pictures of the documents
    test_driver.py   the pure parts, in the suite
"""
