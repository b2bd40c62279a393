#!/usr/bin/env python3
"""weblog_make.py DIR [--seed N] [--days N] [--gets N] - a web server's year of
days in a few megabytes: DIR/access.log (vhost_combined), DIR/mainlog (Exim),
DIR/users (HOST: USER), DIR/planted (the URLs through which spam was sent) and
DIR/honest (busy ones through which none was).  The same seed, the same bytes.
"""
import argparse
import os
import random
import time

T0 = 1795219200  # 2026-11-21T00:00:00Z
BROWSERS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, "
    "like Gecko) Chrome/%d.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%d.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_%d like Mac OS X) "
    "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile Safari",
]


def main():
    a = argparse.ArgumentParser()
    a.add_argument("dir")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--days", type=int, default=7)
    a.add_argument("--gets", type=int, default=20000)
    a = a.parse_args()
    r = random.Random(a.seed)
    end, begin = T0, T0 - a.days * 86400
    web, mail, seq = [], [], [0]
    honest, planted = [], []
    hosts = ["site%d.example" % i for i in range(12)]
    user = {h: "web%d" % i for i, h in enumerate(hosts)}

    def ip():
        return "%d.%d.%d.%d" % (r.choice([23, 45, 78, 91, 141, 185, 203]),
                                r.randrange(256), r.randrange(256),
                                r.randrange(1, 255))

    def browser():
        b = r.choice(BROWSERS)
        n = r.randrange(1, 130)
        return b % ((n,) * b.count("%d"))

    people = [(ip(), browser()) for _ in range(3000)]

    def hit(t, host, path, client=None, agent=None, method="POST",
            status=200, referer=None, size=None):
        if client is None:
            client, agent2 = r.choice(people)
            agent = agent or agent2
        if referer is None:
            referer = "https://%s/" % host
        web.append((t, '%s:443 %s - - [%s] "%s %s HTTP/1.1" %d %d "%s" "%s"'
                    % (host, client, time.strftime(
                        "%d/%b/%Y:%H:%M:%S +0000", time.gmtime(t)), method,
                        path, status, size or r.randrange(200, 40000),
                        referer, agent or browser())))

    def send(t, host, to=None, cwd=None):
        t += r.randrange(0, 2)
        u = user[host]
        seq[0] += 1
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(t))
        mid = "1v%04d-%011d-%04d" % (seq[0] // 10000 % 10000, seq[0],
                                     seq[0] % 10000)
        to = to or "owner@%s" % host
        mail.append((t, "%s cwd=%s 4 args: /usr/sbin/sendmail -t -i -f%s@%s"
                     % (when, cwd or "/home/%s/public_html" % u, u, host)))
        mail.append((t, '%s %s <= %s@%s U=%s P=local S=%d T="Thank you for '
                     'writing" for %s' % (when, mid, u, host, u,
                                          r.randrange(600, 9000), to)))
        mail.append((t + 1, "%s %s => %s R=dnslookup T=remote_smtp "
                     "H=mx.example [192.0.2.1]" % (when, mid, to)))
        mail.append((t + 1, "%s %s Completed" % (when, mid)))

    def victim():
        return "v%06d@mail%d.example" % (r.randrange(10 ** 6),
                                         r.randrange(300))

    def day(t):  # people are awake in the day
        return 0.15 + (1 if 8 <= t // 3600 % 24 < 22 else 0)

    def steady(per_hour, fn, at_night=False):
        for h in range(begin, end, 3600):
            n = per_hour * (1 if at_night else day(h))
            for _ in range(int(n) + (r.random() < n % 1)):
                fn(h + r.randrange(3600))

    # pages
    for _ in range(a.gets):
        t = r.randrange(begin, end)
        hit(t, r.choice(hosts), r.choice(["/", "/about", "/shop/p/%d" %
            r.randrange(900), "/img/%d.jpg" % r.randrange(99)]),
            method="GET")

    # busy, and honest
    def busy(host, path, per_hour, **kw):
        honest.append(host + path)
        mails = kw.pop("mails", False)
        night = kw.pop("night", True)

        def one(t):
            hit(t, host, path, **{k: v() if callable(v) else v
                                  for k, v in kw.items()})
            if mails:
                send(t, host)
        steady(per_hour, one, night)

    local, stripe = "192.0.2.80", "54.187.174.169"
    busy(hosts[0], "/wp-cron.php", 60, client=local, agent="WordPress/6.4",
         referer="-")
    busy(hosts[0], "/wp-admin/admin-ajax.php", 60, night=False)
    busy(hosts[1], "/wc-api/wc_gateway_stripe", 40, client=stripe,
         agent="Stripe/1.0", referer="-")
    busy(hosts[1], "/checkout/", 30, night=False, mails=True)
    busy(hosts[2], "/healthz", 60, client=local, agent="check_http/2",
         referer="-")
    busy(hosts[2], "/search", 50, night=False)
    busy(hosts[3], "/order.php", 40, night=False, mails=True)
    busy(hosts[4], "/api/v1/sync", 60, agent="okhttp/4.9", referer="-",
         night=False)
    busy(hosts[5], "/contact.php", 3, night=False, mails=True)
    busy(hosts[6], "/wp-json/contact-form-7/v1/contact-forms/5/feedback", 2,
         night=False, mails=True)
    busy(hosts[7], "/newsletter/subscribe", 6, night=False, mails=True)
    # the television spoke of it
    t = begin + 2 * 86400 + 20 * 3600
    for _ in range(90):
        hit(t + r.randrange(3600), hosts[3], "/order.php")
    # a partner hands in his stock, each night
    honest.append(hosts[4] + "/import")
    for d in range(begin, end, 86400):
        for i in range(150):
            hit(d + 3 * 3600 + i * 8, hosts[4], "/import",
                client="198.51.100.9", agent="Java/17", referer="-")
    # guesses at passwords
    honest += [hosts[0] + "/wp-login.php", hosts[8] + "/xmlrpc.php"]
    for _ in range(900):
        hit(end - 86400 + r.randrange(7200), hosts[0], "/wp-login.php",
            client=ip(), agent=browser(), referer="-")
    for _ in range(1500):
        hit(end - 86400 + r.randrange(7200), hosts[8], "/xmlrpc.php",
            client="203.0.113.%d" % r.randrange(1, 9),
            agent="python-requests/2.31", referer="-")

    # spam
    def spam(host, path, start, seconds, n, per_post=1, cwd=None, **kw):
        planted.append(host + path)
        for _ in range(n):
            t = start + r.randrange(seconds)
            hit(t, host, path, **{k: v() if callable(v) else v
                                  for k, v in kw.items()})
            for _ in range(per_post):
                send(t, host, victim(), cwd)

    one = browser()
    spam(hosts[5], "/contact.php", end - 40 * 3600, 4 * 3600, 1000,
         client=ip, agent=one, referer="-")
    spam(hosts[9], "/wp-content/uploads/2026/10/.x/mail.php",
         end - 20 * 3600, 2 * 3600, 700, client="203.0.113.66",
         agent="curl/7.88", referer="-",
         cwd="/home/web9/public_html/wp-content/uploads/2026/10/.x")
    spam(hosts[10], "/tell-a-friend.php", end - 72 * 3600, 70 * 3600, 1700,
         client=ip, agent=one, referer="-")
    spam(hosts[7], "/kontakt/senden", end - 30 * 3600, 3 * 3600, 800,
         client="198.51.100.77", agent="python-requests/2.31", referer="-")
    spam(hosts[6], "/wp-json/contact-form-7/v1/contact-forms/5/feedback",
         end - 10 * 3600, 2 * 3600, 600, client=ip, agent=browser)
    spam(hosts[11], "/images/cache/up.php", end - 5 * 3600, 3600, 60,
         per_post=5, client="203.0.113.9", agent="-", referer="-",
         cwd="/home/web11/public_html/images/cache")

    os.makedirs(a.dir, exist_ok=True)
    for name, rows in (("access.log", web), ("mainlog", mail)):
        rows.sort(key=lambda x: x[0])
        with open(os.path.join(a.dir, name), "w") as f:
            f.writelines(line + "\n" for _, line in rows)
    for name, rows in (("planted", planted), ("honest", [
            h for h in honest if h not in planted]),
            ("users", ["%s: %s" % x for x in user.items()])):
        with open(os.path.join(a.dir, name), "w") as f:
            f.writelines(line + "\n" for line in rows)


main()
