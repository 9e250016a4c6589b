#!/usr/bin/env python3
"""How much of a rollout's time is not machines' time, from its journal.

Reads the lines of `smith audit dump JOURNAL` on standard input. In each cluster machines go one at a time, so the longest
chain is the cluster whose machines took longest together; that sum is what the rollout would take if deciding, recording, asking
and hearing took no time at all. Times of machines are those that stand in the journal: from the moment that an action was asked
for to its answer.
"""
import argparse
import collections
import json
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rollout", type=int, default=1, help="the project id")
    parser.add_argument("--most", type=float, help="end with 1 if the ratio is above this")
    args = parser.parse_args()
    machines, clusters = [], {}
    begun = ended = None
    took = collections.defaultdict(float)
    for line in sys.stdin:
        row = json.loads(line)
        if "body" not in row:
            continue
        at, (kind, what) = row["at"], next(iter(row["body"].items()))
        if kind == "machines-joined":
            for machine in what["machines"]:
                clusters[len(machines)] = machine["attrs"].get("cluster", machine["name"])
                machines.append(machine["name"])
        if not isinstance(what, dict) or what.get("rollout") != args.rollout:
            continue
        if kind == "step-opened" and begun is None:
            begun = at
        elif kind == "reported":
            took[what["machine"]] += what["took"]
        elif kind == "ended":
            ended = at
    if begun is None or ended is None or not took:
        sys.exit(f"expected rollout {args.rollout} from its beginning to its end, found no whole one")
    chains = collections.defaultdict(float)
    for machine, length in took.items():
        chains[clusters[machine]] += length
    longest = max(chains, key=chains.get)
    makespan, ratio = ended - begun, (ended - begun) / chains[longest]
    print(f"makespan {makespan / 1000:.2f} s, longest chain {chains[longest] / 1000:.2f} s ({longest}, "
          f"{sum(1 for one in took if clusters[one] == longest)} machines): {ratio:.3f} times")
    sys.exit(1 if args.most is not None and ratio > args.most else 0)


if __name__ == "__main__":
    main()
