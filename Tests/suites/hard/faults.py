"""Each call that the program makes of the C library fails once, in a run, a batch, a conversion and a pull.

    cd Tests/suites/hard
    python3 faults.py [--most 100000] [--allocations 100] [--table FILE] [--functions NAME,...] [NAME ...]

`fault.c`, preloaded, counts the calls and makes one fail. Every run must end with a documented status within a minute;
a failure says so in one line, leaves no half-written output under its final name, and the same command without a fault
then leaves what an undisturbed one leaves. Where memory is refused, the process may be aborted by the Swift runtime:
then the rest is checked all the same. Needs Python and a C compiler.
"""

import argparse
import collections
import shutil
import subprocess
import sys

from campaign import ROOT, CalmHub, commands, hidden, inputs, workplace

ALLOCATION = {"malloc", "calloc", "realloc", "posix_memalign"}
# How a call can fail that the system makes fail now and then.
ERRORS = {
    "open": ["EACCES", "EMFILE", "EIO"],
    "read": ["EIO", "EINTR", "short"],
    "pread": ["EIO", "EINTR", "short"],
    "write": ["ENOSPC", "EIO", "EINTR", "short"],
    "close": ["EIO"],
    "fsync": ["EIO"],
    "rename": ["EACCES", "ENOSPC"],
    "link": ["EACCES", "ENOSPC"],
    "unlink": ["EACCES"],
    "mkdir": ["EACCES", "ENOSPC"],
    "rmdir": ["EACCES"],
    "fstat": ["EIO"],
    "stat": ["EACCES"],
    "lstat": ["EACCES"],
    "ftruncate": ["EIO"],
    "lseek": ["EIO"],
    "fchmod": ["EACCES"],
    "flock": ["EINTR"],
    "dup": ["EMFILE"],
    "pipe": ["EMFILE"],
    "mmap": ["ENOMEM"],
    "socket": ["EMFILE"],
    "connect": ["EACCES", "EINTR"],
    "send": ["EIO", "EINTR", "short"],
    "recv": ["EIO", "EINTR", "short"],
    "access": ["EACCES"],
    "opendir": ["EMFILE", "EACCES"],
    "readdir": ["EIO"],
    "readlink": ["EACCES"],
    "realpath": ["EACCES"],
    "getcwd": ["ENOMEM"],
    "statvfs": ["EIO"],
    "fcntl": ["EMFILE"],
    "poll": ["EINTR"],
    "madvise": ["ENOMEM"],
    "sched_getaffinity": ["EINVAL"],
    "getrlimit": ["EINVAL"],
    "prctl": ["EINVAL"],
    "syscall": ["ENOSYS", "ENOMEM"],
    "setsockopt": ["ENOMEM"],
    "getaddrinfo": ["EAI_AGAIN"],
    "pthread_create": ["EAGAIN"],
    "malloc": ["ENOMEM"],
    "calloc": ["ENOMEM"],
    "realloc": ["ENOMEM"],
    "posix_memalign": ["ENOMEM"],
}
ABORTED = {-6, -4, -5, -11}


class Trial:
    def __init__(self, command, library, place):
        self.command, self.library, self.place = command, library, place
        self.folder = f"{place}/folder"
        self.fresh()
        status, errors = command.run(self.folder)
        if status != 0:
            sys.exit(f"faults: {command.name} undisturbed ends with {status}: {errors}")
        self.reference = command.state(self.folder)

    def fresh(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        inputs(self.folder)

    def run(self, **environment):
        return self.command.run(self.folder, timeout=60, environment={"LD_PRELOAD": self.library, **environment})

    def counts(self):
        """How often each function is called."""
        self.fresh()
        log = f"{self.place}/log"
        self.run(FAULT_LOG=log)
        with open(log) as file:
            return {name: int(count) for name, count in map(str.split, file)}

    def fail(self, function, call, error):
        """Makes one call fail; returns the status and what was wrong."""
        self.fresh()
        status, errors = self.run(FAULT=f"{function}:{call}:{error}")
        wrong, reported = [], [line for line in errors if "error:" in line]
        aborted = function in ALLOCATION and status in ABORTED
        if status is None:
            wrong.append("hangs")
        elif not aborted and not 0 <= status <= 7:
            wrong.append(f"status {status}")
        elif not aborted and status != 0 and not reported:
            wrong.append(f"status {status} without a word")
        if len(reported) > 1 and self.command.name != "batch":
            wrong.append(f"{len(reported)} lines of errors")
        for path, sum in self.command.state(self.folder).items():
            final = path.endswith((".png", ".safetensors")) and not any(p.startswith(".") for p in path.split("/"))
            if final and self.reference.get(path) != sum:
                wrong.append(f"{path} is half-written")
        again, errors = self.command.run(self.folder)
        # A single picture that is there already is no reason to make it again.
        if again == 5 and self.command.name in ("run", "convert") and self.command.state(self.folder) == self.reference:
            again = 0
        if again != 0:
            wrong.append(f"afterwards status {again}: {errors[-1:]}")
        elif self.command.state(self.folder) != self.reference:
            wrong.append("afterwards other files")
        elif hidden(self.folder) and function not in ("unlink", "rmdir", "open", "opendir", "flock"):
            wrong.append(f"left {hidden(self.folder)[:2]}")
        return "aborted" if aborted else status, wrong


def calls(count, most):
    """Which calls are tried: all, or as many as asked for, evenly spread."""
    if count <= most:
        return range(1, count + 1)
    return sorted({1 + i * (count - 1) // max(most - 1, 1) for i in range(most)})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=100_000, help="calls to try of each function and error")
    parser.add_argument("--allocations", type=int, default=100, help="allocations to try of each function")
    parser.add_argument(
        "--functions", type=lambda text: text.split(","), help="the functions that fail, all if not given"
    )
    parser.add_argument("--table", help="where the table goes, as Markdown")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    place = workplace("faults")
    library = f"{place}/fault.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, f"{ROOT}/Tests/suites/hard/fault.c"], check=True)
    rows, wrong = [], 0
    for command in commands(CalmHub()):
        if options.names and command.name not in options.names:
            continue
        trial = Trial(command, library, place)
        for function, count in trial.counts().items():
            if options.functions and function not in options.functions:
                continue
            for error in ERRORS[function] if count else []:
                tried = calls(count, options.allocations if function in ALLOCATION else options.most)
                statuses = collections.Counter()
                for call in tried:
                    status, problems = trial.fail(function, call, error)
                    statuses[status] += 1
                    wrong += bool(problems)
                    if problems:
                        print(f"{command.name} {function}:{call}:{error}: {'; '.join(problems)}", flush=True)
                reported = ", ".join(f"{status} x {n}" for status, n in sorted(statuses.items(), key=str))
                rows.append(f"| {command.name} | {function} | {error} | {count} | {len(tried)} | {reported} |")
                print(rows[-1], flush=True)
    if options.table:
        with open(options.table, "w") as table:
            table.write(
                "# One call fails\n\nWritten by `faults.py --table faults.md`: "
                "the status that each command ended with when one call failed once.\nOf functions with more "
                "calls than were tried, calls evenly spread from the first to the last were.\n\n"
                "| command | function | error | calls | tried | status |\n|---|---|---|---|---|---|\n"
            )
            table.write("\n".join(rows) + "\n")
    shutil.rmtree(place)
    print(f"{len(rows)} kinds of faults, {wrong} wrong")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
