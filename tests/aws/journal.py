"""What the emulator saw: calls.jsonl, violations.jsonl and the mails."""

import json
import os
import threading
import time


class Journal:
    def __init__(self, folder):
        self.folder = folder
        self.lock = threading.Lock()
        self.calls, self.violations = [], []
        self.mails = 0
        os.makedirs(os.path.join(folder, "sent"), exist_ok=True)
        self._files = {name: open(os.path.join(folder, name), "a",
                                  encoding="utf-8")
                       for name in ("calls.jsonl", "violations.jsonl")}

    def _write(self, name, records, record):
        line = json.dumps(record, ensure_ascii=False, default=str)
        with self.lock:
            record["n"] = len(records) + 1
            records.append(record)
            self._files[name].write(line + "\n")
            self._files[name].flush()

    def call(self, **record):
        self._write("calls.jsonl", self.calls, {"t": time.time(), **record})

    def violation(self, what, **record):
        self._write("violations.jsonl", self.violations,
                    {"t": time.time(), "what": what, **record})

    def reset(self):
        with self.lock:
            self.calls.clear()
            self.violations.clear()
            # the file of the violations stays: emu_stop fails by it
            self._files["calls.jsonl"].truncate(0)

    def mail(self, raw, **sidecar):
        with self.lock:
            self.mails += 1
            base = os.path.join(self.folder, "sent", str(self.mails))
        with open(base + ".eml", "wb") as file:
            file.write(raw)
        # The sidecar appears last and whole: who sees it can read the mail.
        with open(base + ".tmp", "w", encoding="utf-8") as file:
            json.dump({"t": time.time(), **sidecar}, file)
        os.rename(base + ".tmp", base + ".json")
