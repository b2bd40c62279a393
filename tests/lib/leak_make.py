"""leak_make.py DIR [SEED [xz]]: one key and its SMTP password in every
container; xz: in those, too, that need liblzma.

Writes DIR/want.json: for each place where something was put, its kind and
the number of its line.  All values are made up from SEED.
"""
import base64
import gzip
import hashlib
import hmac
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import zipfile

BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
BASE64 = (BASE32[:26] + BASE32[:26].lower() + '0123456789+/')


def key_id(rnd):
    """Of account 111122223333, as they are made since 2019."""
    bits = 1 << 79 | 111122223333 << 39 | rnd.getrandbits(39)
    return 'AKIA' + ''.join(BASE32[bits >> s & 31]
                            for s in range(75, -1, -5))


def secret(rnd):
    while True:
        s = ''.join(rnd.choice(BASE64) for _ in range(40))
        if '/' in s and '+' in s and any(c.isdigit() for c in s):
            return s


def password(key, region):
    k = ('AWS4' + key).encode()
    for m in ('11111111', region, 'ses', 'aws4_request', 'SendRawEmail'):
        k = hmac.new(k, m.encode(), hashlib.sha256).digest()
    return base64.b64encode(b'\4' + k).decode()


def text(k, s, p):
    return (f'# settings\naws_access_key_id = {k}\n'
            f'aws_secret_access_key = {s}\n\nsmtp password: {p}\n').encode()


def tar(name, data, fmt=tarfile.GNU_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=fmt) as t:
        for n, d in (('before.txt', b'x' * 700), (name, data),
                     ('after.txt', b'y')):
            info = tarfile.TarInfo(n)
            info.size = len(d)
            t.addfile(info, io.BytesIO(d))
    return out.getvalue()


def zipped(name, data, method):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', method) as z:
        z.writestr('before.txt', b'x' * 700)
        z.writestr(name, data)
        z.writestr('after.txt', b'y')
    return out.getvalue()


class Pipe(io.RawIOBase):
    """What cannot seek: zip then puts the sizes behind the data."""

    def __init__(self):
        super().__init__()
        self.got = b''

    def writable(self):
        return True

    def write(self, b):
        self.got += bytes(b)
        return len(b)


def streamed(name, data):
    out = Pipe()
    with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z:
        z.writestr(name, data)
        z.writestr('second/' + name, data)
    return out.got


def zst(data):
    return subprocess.run(['zstd', '-qc'], input=data, check=True,
                          stdout=subprocess.PIPE).stdout


def xz(data):
    return subprocess.run(['xz', '-qc'], input=data, check=True,
                          stdout=subprocess.PIPE).stdout


def deb(pack, name, data):
    """As dpkg-deb makes them; the control file is of odd length."""
    out = b'!<arch>\n'
    for n, d in (('debian-binary', b'2.0\n'),
                 ('control.tar.gz', gzip.compress(tar('control', b'x')) + b'\n'),
                 ('data.tar' + name, pack(tar('./etc/env', data)))):
        out += f'{n:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(d):<10}`\n'.encode()
        out += d + b'\n' * (len(d) % 2)
    return out


def main():
    top = sys.argv[1]
    rnd = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    want = []

    def put(name, make, *members):
        """make(text) is the file's content; a member each, or itself."""
        k, s = key_id(rnd), secret(rnd)
        region = rnd.choice(['us-east-1', 'eu-west-1', 'ap-south-2'])
        p = password(s, region)
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as f:
            f.write(make(text(k, s, p)))
        for m in members or ('',):
            want.append({'where': path + m, 'key': k, 'region': region,
                         'shown': p[:4] + '***'})

    long = 'a' * 90 + '/' + 'b' * 90 + '/' + 'c' * 60 + '.txt'
    put('plain.txt', lambda d: d)
    put('big.sql', lambda d: (b"INSERT INTO t VALUES ('row');\n" * 40000)
        + d + b"INSERT INTO t VALUES ('row');\n" * 10000)
    put('edge.bin', lambda d: b'\0' * (262144 - 60) + d + b'\0' * 9)
    put('no-newline', lambda d: d.rstrip())
    put('crlf.ini', lambda d: d.replace(b'\n', b'\r\n'))
    put('a.gz', gzip.compress)
    put('two.gz', lambda d: gzip.compress(b'x\n') + gzip.compress(d))
    put('a.zst', zst)
    put('a.tar', lambda d: tar('d/.env', d), '!d/.env')
    put('pax.tar', lambda d: tar(long, d, tarfile.PAX_FORMAT), '!' + long)
    put('gnu.tar', lambda d: tar(long, d), '!' + long)
    put('ustar.tar', lambda d: tar('d/.env', d, tarfile.USTAR_FORMAT),
        '!d/.env')
    put('a.tar.gz', lambda d: gzip.compress(tar('.env', d)), '!.env')
    put('a.tar.zst', lambda d: zst(tar('.env', d)), '!.env')
    put('gz.deb', lambda d: deb(gzip.compress, '.gz', d),
        '!data.tar.gz!./etc/env')
    if 'xz' in sys.argv[3:]:
        put('a.xz', xz)
        put('two.xz', lambda d: xz(b'x\n') + xz(d) + b'\0' * 8)
        put('a.tar.xz', lambda d: xz(tar('.env', d)), '!.env')
        put('xz.deb', lambda d: deb(xz, '.xz', d), '!data.tar.xz!./etc/env')
        put('tar.xz.zip', lambda d: zipped('b.tar.xz', xz(tar('.env', d)),
                                           zipfile.ZIP_STORED),
            '!b.tar.xz!.env')
    put('stored.zip', lambda d: zipped('.env', d, zipfile.ZIP_STORED),
        '!.env')
    put('deflated.zip', lambda d: zipped('.env', d, zipfile.ZIP_DEFLATED),
        '!.env')
    put('streamed.zip', lambda d: streamed('.env', d), '!.env',
        '!second/.env')
    put('site.zip', lambda d: zipped('b/dump.sql.gz', gzip.compress(d),
                                     zipfile.ZIP_STORED), '!b/dump.sql.gz')
    put('deep.tar.gz', lambda d: gzip.compress(tar('a.zip', zipped(
        'b.tar', tar('c.gz', gzip.compress(d)), zipfile.ZIP_DEFLATED))),
        '!a.zip!b.tar!c.gz')
    put('wide.txt', lambda d: b'\xff\xfe' + d.decode().encode('utf-16-le'))
    put('big-endian.txt', lambda d: d.decode().encode('utf-16-be'))
    put('wrapped.txt', base64.b64encode)
    put('mime.eml', lambda d: b'Subject: x\n\n' + base64.encodebytes(d))
    put('escaped.json', lambda d: json.dumps(
        {'c': d.decode()}).replace('/', '\\/').encode())
    put('url.log', lambda d: b'GET /?c=' + d.replace(b' ', b'%20').replace(
        b'\n', b'%0A').replace(b'+', b'%2B').replace(b'/', b'%2F')
        + b' HTTP/1.1\n')
    put('dump.sql', lambda d: b"INSERT INTO wp_options VALUES (1,'smtp','"
        + d.replace(b'\n', b'\\n') + b"','yes');\n")
    with open(os.path.join(top, 'want.json'), 'w', encoding='ascii') as f:
        json.dump(want, f)


if __name__ == '__main__':
    main()
