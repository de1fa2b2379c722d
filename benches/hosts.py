#!/usr/bin/env python3
"""What several hosts cost, and how soon they go on: real processes of the release build on one machine.

usage: cargo build --release && python3 benches/hosts.py cost|back|wire [SCENARIO AGENTS [ARGUMENT ...]]

cost  CPU and wall time of a round on 1, 2 and 4 hosts, beside those of `throng run` in one thread. Start, end and
      the forming of the generation are left out: the figure is the difference between a long and a short run.
back  The longest pause between two commits after one of three hosts was killed, or frozen for good, after so many
      rounds.
wire  Bytes that a round sends over loopback, headers included, and bytes that it writes. Nothing else must use the
      interface: unshare -n sh -c 'ip link set lo up; python3 benches/hosts.py wire'
"""

import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

BINARY = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target")).resolve() / "release" / "throng"
TIMES = 3
SHORT, LONG = 10, 40
PATIENCE = 2
WATCHED_SECONDS = 60


def start(folder, words, hosts, least):
    common = [*words, "--threads", "1", "--quiet", "--run-id", "r", "--set", "run.report=false"]
    seeds = ["--seeds", "127.0.0.1:7946,127.0.0.2:7946", "--min", str(least), "--patience", str(PATIENCE)]
    commands = [["run", *common]]
    if hosts > 0:
        commands = [
            ["node", *common, *seeds, "--advertise", f"127.0.0.{host}:7946"] for host in range(1, hosts + 1)
        ]
    quiet = {"stdout": subprocess.DEVNULL, "cwd": folder}
    return [subprocess.Popen([BINARY, *command], **quiet) for command in commands]


def used(words, hosts):
    """CPU and wall seconds of a run."""
    with tempfile.TemporaryDirectory() as folder:
        begun, cpu = time.monotonic(), 0.0
        for process in start(folder, words, hosts, hosts):
            _, status, usage = os.wait4(process.pid, 0)
            assert status == 0, f"a host ended with {status}"
            cpu += usage.ru_utime + usage.ru_stime
        return cpu, time.monotonic() - begun


def cost(words):
    alone = None
    for hosts in [0, 1, 2, 4]:
        rounds = []
        for _ in range(TIMES):
            short = used([*words, "--rounds", str(SHORT)], hosts)
            long = used([*words, "--rounds", str(LONG)], hosts)
            rounds.append([1e3 * (l - s) / (LONG - SHORT) for s, l in zip(short, long)])
        cpu, wall = (statistics.median(values) for values in zip(*rounds))
        alone = alone or cpu
        who = f"{hosts} hosts" if hosts else "one process"
        print(f"{who}: {cpu:.1f} ms of CPU a round ({cpu / alone:.2f}), {wall:.1f} ms of time", flush=True)


def commits(folder):
    try:
        return len([name for name in os.listdir(f"{folder}/runs/r/commits") if name.endswith(".json")])
    except FileNotFoundError:
        return 0


def pause(words, after, how):
    """The longest time between two commits once the last of three hosts has been sent a signal."""
    with tempfile.TemporaryDirectory() as folder:
        hosts = start(folder, [*words, "--rounds", "100000"], 3, 2)
        try:
            while commits(folder) < after:
                time.sleep(0.002)
            os.kill(hosts[2].pid, how)
            seen, at, longest, begun = commits(folder), time.monotonic(), 0.0, time.monotonic()
            # What was in the air when it fell may land; two more rounds are the new generation's.
            while commits(folder) < after + 8 and time.monotonic() - begun < WATCHED_SECONDS:
                now = commits(folder)
                if now > seen:
                    longest, seen, at = max(longest, time.monotonic() - at), now, time.monotonic()
                time.sleep(0.001)
            assert commits(folder) >= after + 8, "it never goes on"
            return longest
        finally:
            for host in hosts:
                host.kill()
                host.wait()


def back(words):
    for how in [signal.SIGKILL, signal.SIGSTOP]:
        for after in [3, 20, 60]:
            pauses = [pause(words, after, how) for _ in range(TIMES)]
            print(f"{how.name} after {after} commits: {statistics.median(pauses):.2f} s, of", end=" ")
            print(", ".join(f"{seconds:.2f}" for seconds in pauses), flush=True)


def carried():
    """Bytes over loopback so far."""
    table = pathlib.Path("/proc/net/dev").read_text(encoding="utf-8")
    line = next(line for line in table.splitlines() if line.strip().startswith("lo:"))
    return int(line.split(":")[1].split()[0])


def moved(words, hosts, rounds):
    """Bytes sent and written in a run."""
    with tempfile.TemporaryDirectory() as folder:
        before = carried()
        for process in start(folder, [*words, "--rounds", str(rounds)], hosts, hosts):
            assert process.wait() == 0, "a host failed"
        files = pathlib.Path(folder, "runs").rglob("*.parquet")
        return carried() - before, sum(file.stat().st_size for file in files)


def wire(words):
    for hosts in [1, 2, 4]:
        short, long = moved(words, hosts, SHORT), moved(words, hosts, LONG)
        sent, written = ((after - before) / (LONG - SHORT) for before, after in zip(short, long))
        print(f"{hosts} hosts: {sent / 1e3:.1f} kB sent and {written / 1e3:.1f} kB written a round", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] not in [["cost"], ["back"], ["wire"]] or len(sys.argv) == 3:
        sys.exit(__doc__)
    scenario, agents, *more = sys.argv[2:] or ["guessing-game", "1000000"]
    {"cost": cost, "back": back, "wire": wire}[sys.argv[1]]([scenario, "--agents", agents, *more])
