"""think.py MS: an HTTP server on loopback that answers every request after
MS milliseconds, as IAM answers ListAccessKeys and as SES answers GetAccount;
prints its port.  Nothing is checked: what is measured is the client."""

import asyncio
import sys

XML = b"""<ListAccessKeysResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">
<ListAccessKeysResult><IsTruncated>false</IsTruncated><AccessKeyMetadata>
<member><UserName>x</UserName><AccessKeyId>AKIAXXXXXXXXXXXXXXXX</AccessKeyId>
<Status>Active</Status><CreateDate>2026-01-01T00:00:00Z</CreateDate></member>
</AccessKeyMetadata></ListAccessKeysResult></ListAccessKeysResponse>"""
JSON = b'{"SendingEnabled":true,"EnforcementStatus":"HEALTHY"}'


async def serve(reader, writer):
    think = float(sys.argv[1]) / 1000
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = 0
            for line in head.split(b"\r\n")[1:]:
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            await reader.readexactly(length)
            body = JSON if head.startswith(b"GET") else XML
            await asyncio.sleep(think)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n"
                         b"x-amzn-requestid: r\r\n\r\n" % len(body) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=128)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
