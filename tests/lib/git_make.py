#!/usr/bin/env python3
"""git_make.py - a repository's history for git fast-import

usage: git_make.py COMMITS FILES KEYS [SEED] >stream 2>planted

Source-like files of 100 to 2,000 lines in folders; each commit changes some
lines of one to four of them, some move, every 40th is a merge.  KEYS access
key ids are planted at chance, each replaced by the next commit that touches
its file.  stderr: key, tab, path, for each one in the order of the commits.
"""
import random
import sys

commits, files, keys = (int(a) for a in sys.argv[1:4])
rnd = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
out = sys.stdout.buffer
words = [''.join(rnd.choice('abcdefghijklmnopqrstuvwxyz')
                 for _ in range(rnd.randint(2, 11))) for _ in range(3000)]
base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'


def line():
    return ('\t' * rnd.randint(0, 3) + rnd.choice(words) + ' = ' +
            rnd.choice(words) + '(' + ', '.join(rnd.choices(words, k=3)) +
            ');').encode()


def put(data):
    out.write(b'data %d\n%s\n' % (len(data), data))


tree = {'src/%s/%s.c' % (words[i % 37], words[i + 50]):
        [line() for _ in range(rnd.choice((100, 300, 500, 2000)))]
        for i in range(files)}
names = list(tree)
at = set(rnd.sample(range(1, commits), keys))
held = {}
when = 1700000000


def commit(n, changed, merge=None):
    global when
    when += rnd.randint(60, 9000)
    out.write(b'commit refs/heads/main\nmark :%d\n' % (n + 1))
    out.write(b'committer Dev%d <dev%d@example.net> %d +0000\n' %
              (n % 7, n % 7, when))
    put(b'Change %d\n' % n)
    if merge:
        out.write(b'merge :%d\n' % merge)
    for name in changed:
        out.write(b'M 100644 inline %s\n' % name.encode())
        put(b'\n'.join(tree[name]) + b'\n')


for n in range(commits):
    if n == 0:
        commit(0, names)
        continue
    changed = rnd.sample(names, min(len(names), rnd.randint(1, 4)))
    for name in changed:
        lines = tree[name]
        if name in held:
            lines[held.pop(name)] = line()
        for _ in range(rnd.randint(1, 6)):
            i = rnd.randrange(len(lines))
            what = rnd.random()
            if what < .6:
                lines[i] = line()
            elif what < .85:
                lines[i:i] = [line() for _ in range(rnd.randint(1, 12))]
            elif len(lines) > 60:
                del lines[i:i + rnd.randint(1, 8)]
    if n in at:
        name = changed[0]
        key = 'AKIAJ' + ''.join(rnd.choices(base32, k=15))
        i = held[name] = rnd.randrange(len(tree[name]))
        tree[name][i] = b'\taws_access_key_id = "%s"' % key.encode()
        sys.stderr.write('%s\t%s\n' % (key, name))
    commit(n, changed, n - 20 if n % 40 == 0 else None)
out.write(b'done\n')
