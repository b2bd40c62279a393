"""A throw-away CA and server certificate, by the openssl program."""

import os
import ssl
import subprocess

from world import REGIONS


def _openssl(folder, *args):
    subprocess.run(["openssl", *args], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def make(folder):
    """Writes ca.pem, server.pem, server.key once. Returns the names."""
    ca, cert, key = (os.path.join(folder, n)
                     for n in ("ca.pem", "server.pem", "server.key"))
    if all(map(os.path.exists, (ca, cert, key))):
        return ca, cert, key
    names = ["localhost", "*.localhost"]
    # A wildcard covers one label only: one name per region.
    names += [f"*.{region}.localhost" for region in REGIONS]
    names += [f"email-smtp.{region}.localhost" for region in REGIONS]
    with open(os.path.join(folder, "san.cnf"), "w",
              encoding="ascii") as file:
        file.write("subjectAltName=" + ",".join(f"DNS:{n}" for n in names)
                   + ",IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n"
                   "extendedKeyUsage=serverAuth\n")
    # Our own configuration: the machine's may be missing or unusual.
    with open(os.path.join(folder, "req.cnf"), "w",
              encoding="ascii") as file:
        file.write("[req]\ndistinguished_name=dn\nprompt=no\n"
                   "[dn]\nCN=quell test CA\n[ca]\n"
                   "basicConstraints=critical,CA:TRUE\n"
                   "keyUsage=critical,keyCertSign,cRLSign\n"
                   "subjectKeyIdentifier=hash\n")
    curve = ["-config", "req.cnf", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes"]
    _openssl(folder, "req", "-x509", *curve, "-keyout", "ca.key", "-out",
             "ca.tmp", "-days", "30", "-extensions", "ca")
    _openssl(folder, "req", *curve, "-keyout", "server.key", "-out",
             "server.csr", "-subj", "/CN=localhost")
    _openssl(folder, "x509", "-req", "-in", "server.csr", "-CA", "ca.tmp",
             "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
             "-extfile", "san.cnf", "-out", "server.pem")
    for name in ("ca.key", "server.csr", "san.cnf", "req.cnf", "ca.srl",
                 "ca.tmp.srl"):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            os.unlink(path)
    os.rename(os.path.join(folder, "ca.tmp"), ca)
    return ca, cert, key


def server_context(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)

    def remember_name(connection, name, _context):
        connection.sni = name
    context.sni_callback = remember_name
    return context
