"""The processes that are compared: one that works whenever it is asked, or one for each unit."""

import subprocess
import tempfile
import threading
import time
from pathlib import Path

# idle threads of the side before may spin for a while
PAUSE = 0.05


class Failed(Exception):
    """Why a side could not run."""


def with_descendants(process):
    """A process and its children, however deep."""
    told = [process]
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:  # this thread has ended
            continue
        for child in children:
            told += with_descendants(int(child))
    return told


def peak_memory(processes):
    """Peak resident memory in MiB, summed over processes. VmHWM begins anew when a program is
    started; `ru_maxrss` does not, and would count this process's memory at the fork."""
    total = 0
    for one in processes:
        try:
            status = Path(f"/proc/{one}/status").read_text().splitlines()
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in status if line.startswith("VmHWM")), 0)
    return total / 1024


def last_line(file):
    file.seek(0)
    lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else "ended without a message"


class Side:
    """One process for all units: a unit is a line to it and a line from it."""

    def __init__(self, name, command, environment, time_limit=1200):
        self.name, self.times, self.time_limit = name, [], time_limit
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True, env=environment)
        while self.read() != "ready":
            pass

    def read(self):
        timer = threading.Timer(self.time_limit, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        if not line:
            ended = self.process.wait()
            raise Failed("took too long, or was killed" if ended == -9 else last_line(self.errors))
        return line.strip()

    def unit(self):
        time.sleep(PAUSE)
        try:
            self.process.stdin.write("go\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise Failed(last_line(self.errors)) from error
        return float(self.read())

    def close(self):
        self.peak = peak_memory(with_descendants(self.process.pid))
        # a side that is two processes ends the second when its input ends
        self.process.kill()
        self.process.wait()


class Start:
    """A process for each unit, from its start to its end."""

    def __init__(self, name, command, environment, first=None):
        self.name, self.times, self.command, self.environment = name, [], list(map(str, command)), environment
        self.peak = 0
        # memory is watched in a run that is not timed; without children, as one that was just forked
        # still has the memory of its parent
        process = self.start(list(map(str, first or command)))
        while process.poll() is None:
            self.peak = max(self.peak, peak_memory([process.pid]))
            time.sleep(0.001)
        self.end(process)

    def start(self, command):
        self.errors = tempfile.TemporaryFile()
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self.errors, env=self.environment)

    def end(self, process):
        if process.wait():
            raise Failed(last_line(self.errors))

    def unit(self):
        time.sleep(PAUSE)
        begin = time.perf_counter()
        self.end(self.start(self.command))
        return 1e3 * (time.perf_counter() - begin)

    def close(self):
        pass
