#!/usr/bin/env python3
"""The strict AWS emulator: SES, IAM, STS, CloudWatch, EC2 and SES SMTP on
the loopback interface.  See README.md beside this file."""

import argparse
import json
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import attacker                                         # noqa: E402
import certs                                            # noqa: E402
from api import Api                                     # noqa: E402
from faults import Faults                               # noqa: E402
from httpd import FrontEnd, HttpServer, Metadata        # noqa: E402
from journal import Journal                             # noqa: E402
from listeners import Listeners                         # noqa: E402
from smtpd import SmtpServer                            # noqa: E402
from world import SES_REGIONS, World                    # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", required=True,
                        help="ports, certificates, logs and mails go here")
    parser.add_argument("--seed", help="the world, as JSON")
    parser.add_argument("--port", type=int, default=0, help="HTTP port")
    parser.add_argument("--parent-pid", type=int,
                        help="end when this process is gone")
    parser.add_argument("--max-seconds", type=float, default=3600)
    parser.add_argument("--time-scale", type=float, default=1.0,
                        help="divides every propagation delay")
    return parser.parse_args()


def write_atomically(path, content):
    with open(path + ".tmp", "w", encoding="ascii") as file:
        json.dump(content, file)
        file.write("\n")
    os.rename(path + ".tmp", path)


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def main():
    args = arguments()
    seed = None
    if args.seed:
        with open(args.seed, encoding="utf-8") as file:
            seed = json.load(file)
    os.makedirs(args.dir, exist_ok=True)
    world = World(seed, args.time_scale)
    journal, faults = Journal(args.dir), Faults()
    _, cert, key = certs.make(args.dir)
    tls = certs.server_context(cert, key)
    front = FrontEnd(Api(world, journal, faults), world, journal, faults)

    listeners = Listeners()

    def smtp(region, implicit):
        return listeners.add(SmtpServer(world, journal, faults, tls, region,
                                        implicit).serve)

    ports = {
        "http": listeners.add(HttpServer(world, front, journal).serve,
                              args.port),
        "https": listeners.add(HttpServer(world, front, journal, tls).serve),
        "imds": listeners.add(HttpServer(world, Metadata(world, journal),
                                         journal).serve),
        "smtp_starttls": smtp(None, False), "smtp_tls": smtp(None, True),
        "region_smtp": {r: {"starttls": smtp(r, False), "tls": smtp(r, True)}
                        for r in SES_REGIONS},
        "pid": os.getpid(),
    }
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=listeners.run, daemon=True).start()
    threading.Thread(target=attacker.run, args=(world, journal),
                     daemon=True).start()
    ports_file = os.path.join(args.dir, "ports.json")
    write_atomically(ports_file, ports)
    end = time.monotonic() + args.max_seconds
    while not stop.wait(0.5):
        if time.monotonic() > end or (args.parent_pid
                                      and gone(args.parent_pid)):
            break
    os.unlink(ports_file)
    # Hanging connections must not keep the process: no orderly farewell.
    os._exit(0)


if __name__ == "__main__":
    main()
