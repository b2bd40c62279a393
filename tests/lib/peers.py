"""What the small servers of the harness share: options, files, orderly end."""
import argparse
import json
import os
import signal
import sys
import threading
import time


def options(doc):
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", required=True,
                        help="port, log.jsonl and what else is recorded")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--parent-pid", type=int,
                        help="end when this process is gone")
    return parser


def settle(opt):
    """End on SIGTERM, and when the parent is gone."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    if not opt.parent_pid:
        return

    def watch():
        while True:
            try:
                os.kill(opt.parent_pid, 0)
            except PermissionError:
                pass
            except OSError:
                os._exit(0)
            time.sleep(0.5)
    threading.Thread(target=watch, daemon=True).start()


def announce(opt, port):
    """Write the port file whole: whoever sees it can read it."""
    temporary = os.path.join(opt.dir, ".port")
    with open(temporary, "w") as file:
        file.write("%d\n" % port)
    os.rename(temporary, os.path.join(opt.dir, "port"))


class Log:
    def __init__(self, opt):
        self.lock = threading.Lock()
        self.file = open(os.path.join(opt.dir, "log.jsonl"), "a")

    def write(self, record):
        with self.lock:
            self.file.write(json.dumps(record) + "\n")
            self.file.flush()


class Script:
    """A JSON file that a test may replace at any time."""

    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()
        self.stamp = None
        self.value = {}

    def read(self):
        if not self.path:
            return self.value
        with self.lock:
            try:
                stat = os.stat(self.path)
                stamp = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
                if stamp != self.stamp:
                    with open(self.path) as file:
                        self.value = json.load(file)
                    self.stamp = stamp
            except FileNotFoundError:
                self.value, self.stamp = {}, None
            except ValueError as error:
                print("%s: %s" % (self.path, error), file=sys.stderr)
            return self.value
