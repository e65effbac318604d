"""A mail server for tests: keeps what it takes as files, and misbehaves for recipients whose names say so.

temporary-N…   refused with 451 the first N times      greylist…   refused with 450 after the body, the first time
permanent…     refused with 550 for ever               rejected…   refused with 554 after the body, for ever
flaky…         3 of 10 times 451, 421, a closed connection, or 452 after the body
"""

import argparse
import asyncio
import base64
import json
import os
import random
import ssl
import sys
import uuid
import warnings

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


warnings.simplefilter("ignore")


class Handler:
    def __init__(self, spool):
        self.spool = spool
        self.seen = {}
        self.random = random.Random(7)

    async def handle_RCPT(self, server, session, envelope, address, options):
        local = address.split("@")[0]
        self.seen[address] = self.seen.get(address, 0) + 1
        if local.startswith("permanent"):
            return f"550 5.1.1 <{address}>: user {local} unknown"
        if local.startswith("temporary-") and self.seen[address] <= int(local.split("-")[1]):
            return "451 4.3.0 try again later"
        if local.startswith("flaky"):
            dice = self.random.random()
            if dice < 0.1:
                return "451 4.3.0 try again later"
            if dice < 0.15:
                return "421 4.3.2 closing"
            if dice < 0.2:
                server.transport.abort()
                return "421 4.3.2 gone"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        local = envelope.rcpt_tos[0].split("@")[0]
        if local.startswith("rejected"):
            return "554 5.7.1 not wanted"
        if local.startswith("greylist") and self.seen[envelope.rcpt_tos[0]] <= 1:
            return "450 4.2.0 greylisted"
        if local.startswith("flaky") and self.random.random() < 0.1:
            return "452 4.3.1 no room"
        if local.startswith("slow"):
            await asyncio.sleep(1)
        taken = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "options": envelope.mail_options,
            "tls": session.ssl is not None,
            "authenticated": bool(session.authenticated),
            "bytes": base64.b64encode(envelope.original_content).decode(),
        }
        name = os.path.join(self.spool, uuid.uuid4().hex)
        with open(name + ".part", "w", encoding="utf-8") as file:
            json.dump(taken, file)
        os.rename(name + ".part", name + ".json")
        return "250 2.0.0 taken"


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and data.login == b"sillage" and data.password == b"p@ss"
    return AuthResult(success=good, handled=good)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--spool", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--tls", choices=["none", "starttls", "wrapper"], default="none")
    parser.add_argument("--auth", action="store_true")
    parser.add_argument("--ascii", action="store_true")
    given = parser.parse_args()
    context = None
    if given.tls != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(given.certificate, given.key)
    handler = Handler(given.spool)

    def protocol():
        return SMTP(
            handler,
            enable_SMTPUTF8=not given.ascii,
            decode_data=False,
            tls_context=context if given.tls == "starttls" else None,
            require_starttls=given.tls == "starttls",
            authenticator=authenticate if given.auth else None,
            auth_required=given.auth,
            auth_require_tls=False,
            hostname="mail.test",
        )

    wrapper = context if given.tls == "wrapper" else None
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", given.port, ssl=wrapper)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Ends with whoever started it.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


asyncio.run(main())
