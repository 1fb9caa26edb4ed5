"""python3 -m tests.explore: every order of events in small worlds, and each rule taken back once.

The exit code is 1 if an order breaks a promise, or if a rule can be taken back and nothing shows
it. `lab/explore/` says how it works.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor

from lab.explore.rules import RULES
from lab.explore.scenarios import SCENARIOS
from lab.explore.search import Report, Search
from ponte.process.characters import write_any
from ponte.process.options import PYTHON
from ponte.process.typed import here

# A large part of the time of all scenarios goes to these.
LARGEST = ("at once, repeats", "two callers", "proxy, one server", "proxy, opening",
           "proxy, 3 attempts", "both restart", "both drop sessions")


def explore(name: str, rule: str, max_s: float) -> Report:
    """Explores a scenario; without a rule, if one is given."""
    search = Search(SCENARIOS[name], max_s=max_s)
    if not rule:
        return search.run()
    with RULES[rule].back():
        return search.run()


def take_back(rule: str, max_s: float) -> tuple[str, Report]:
    """Takes a rule back: the first scenario that shows it, or the last one, and what was found."""
    states, took_s = 0, 0.0
    for name in RULES[rule].where:
        report = explore(name, rule, max_s)
        states, took_s = states + report.states, took_s + report.took_s
        if report.violation:
            break
    return name, report._replace(states=states, took_s=took_s)


def show_scenarios(names: Sequence[str], reports: Iterable[Report]) -> bool:
    """Prints a table. Returns whether no promise was broken, and every order was explored."""
    ok, states, orders, healed = True, 0, 0, 0
    print(f"  {'scenario':24}{'states':>9}{'orders':>12}{'healed':>9}{'seconds':>9}")
    for name, report in zip(names, reports):
        ok &= report.is_whole
        states, orders = states + report.states, orders + report.orders
        healed += report.healed
        shown = f"{report.orders:.3g}" if report.is_whole else "not whole"
        print(f"  {name:24}{report.states:9}{shown:>12}{report.healed:9}{report.took_s:9.1f}"
              f"  {SCENARIOS[name].about}", flush=True)
        show_story(report)
    print(f"  {'all':24}{states:9}{orders:12.3g}{healed:9}")
    return ok


def show_rules(names: Sequence[str], found: Iterable[tuple[str, Report]], stories: bool) -> bool:
    """Prints what each rule is for. Returns whether each has shown what was expected."""
    ok = True
    for name, (scenario, report) in zip(names, found):
        rule = RULES[name]
        ok &= bool(report.violation) != bool(rule.none)
        print(f"  {name}: {rule.about}")
        where = f"{report.states} states, {report.took_s:.1f} s"
        if report.violation:
            print(f"    without it ({scenario!r}, {where}), {len(report.story)} events:")
        else:
            print(f"    without it: no counterexample ({', '.join(rule.where)}; {where})"
                  f"{': ' + rule.none if rule.none else ' AND THERE SHOULD BE ONE'}")
        if stories:
            show_story(report)
        sys.stdout.flush()
    return ok


def show_story(report: Report) -> None:
    if report.violation:
        for number, line in enumerate(report.story, 1):
            print(f"    {number:4}. {line}")
        print(f"    =>    {report.violation}")


def main() -> int:
    parser = argparse.ArgumentParser(prog=f"{PYTHON} -m tests.explore", description=here(__doc__))
    parser.add_argument("names", nargs="*", metavar="NAME", help="of scenarios and rules, such as "
                        f"{', '.join(map(repr, [*list(SCENARIOS)[:2], *list(RULES)[:2]]))}")
    parser.add_argument("--limit", type=float, default=120.0, metavar="SECONDS",
                        help="for each of them (default: %(default)s)")
    parser.add_argument("--processes", type=int, help="default: one for each core")
    parser.add_argument("--brief", action="store_true",
                        help="without the largest worlds, and without the stories of the rules")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.names if name not in {*SCENARIOS, *RULES}]
    if unknown:
        parser.error(f"no scenario and no rule: {', '.join(unknown)}")
    scenarios = [name for name in SCENARIOS if name in chosen.names
                 or (not chosen.names and not (chosen.brief and name in LARGEST))]
    rules = [name for name in RULES if not chosen.names or name in chosen.names]
    began, ok = time.monotonic(), True
    with ProcessPoolExecutor(chosen.processes) as pool:
        reports = pool.map(explore, scenarios, [""] * len(scenarios),
                           [chosen.limit] * len(scenarios))
        found = pool.map(take_back, rules, [chosen.limit] * len(rules))
        if scenarios:
            ok &= show_scenarios(scenarios, reports)
        if rules:
            ok &= show_rules(rules, found, not chosen.brief)
    print(f"  {'ok' if ok else 'NOT OK'}, {time.monotonic() - began:.0f} s")
    return 0 if ok else 1


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    sys.exit(main())
