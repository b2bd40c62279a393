"""The one exception that a service raises, and what a violation is."""


class AwsError(Exception):
    """An error answer. status None: as the service model says, else 400."""

    def __init__(self, code, message, status=None, violation=None,
                 headers=None):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status
        self.violation = violation      # text: the client broke a rule
        self.headers = headers or {}
