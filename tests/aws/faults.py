"""Failures on order: what the control API queues, and who gets it."""

import threading

# reset: RST; close: FIN. HTTP libraries treat the two differently, and may
# send a request again by themselves when a kept connection ends.
BEFORE = {"throttle", "500", "503", "reset_before", "close_before", "hang",
          "reply"}
AFTER = {"reset_after", "close_after", "truncate", "garbage", "empty", "slow"}


class Fault:
    def __init__(self, spec):
        unknown = set(spec) - {"match", "times", "skip", "do", "ms", "when",
                               "retry_after_ms", "reply"}
        if unknown:
            raise ValueError(f"unknown {sorted(unknown)}")
        self.match = spec.get("match", {})
        self.times = spec.get("times", 1)       # -1: for ever
        self.skip = spec.get("skip", 0)
        self.do = str(spec["do"])
        self.ms = spec.get("ms")
        self.reply = spec.get("reply")
        if (self.do == "reply") != bool(self.reply):
            raise ValueError("reply: wants a text, and only it does")
        self.retry_after_ms = spec.get("retry_after_ms")
        if self.do not in BEFORE | AFTER:
            raise ValueError(f"unknown fault {self.do}")
        # Whether the operation takes effect before the answer is lost is
        # the difference between "try again" and "outcome unknown".
        self.when = spec.get("when", "before" if self.do in BEFORE
                             else "after")
        if self.when not in ("before", "after"):
            raise ValueError("when: before or after")
        unknown = set(self.match) - {"service", "operation", "region",
                                     "key_id"}
        if unknown:
            raise ValueError(f"match: unknown {sorted(unknown)}")

    @property
    def seconds(self):
        default = 3600000 if self.do == "hang" else 1000
        return (default if self.ms is None else self.ms) / 1000


class Faults:
    def __init__(self):
        self._lock, self._queue = threading.Lock(), []

    def add(self, spec):
        fault = Fault(spec)
        with self._lock:
            self._queue.append(fault)

    def clear(self):
        with self._lock:
            self._queue.clear()

    def take(self, **who):
        """The fault for this request, or None."""
        with self._lock:
            for fault in self._queue:
                if fault.times == 0 or any(
                        who.get(k) != v for k, v in fault.match.items()):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.times > 0:
                    fault.times -= 1
                return fault
        return None


# service -> (code, HTTP status) when asked too often
THROTTLE = {
    "ec2": ("RequestLimitExceeded", 503, "Request limit exceeded."),
    "sesv2": ("TooManyRequestsException", 429, "Maximum sending rate "
              "exceeded."),
    "health": ("ThrottlingException", 400, "Rate exceeded"),
    "support": ("ThrottlingException", 400, "Rate exceeded"),
    "cloudtrail": ("ThrottlingException", 400, "Rate exceeded"),
    "kms": ("ThrottlingException", 400, "You have exceeded the rate at which "
            "you may call KMS. Reduce the frequency of your calls."),
    "secretsmanager": ("ThrottlingException", 400, "Rate exceeded"),
}
THROTTLE_QUERY = ("Throttling", 400, "Rate exceeded")
