#!/usr/bin/env python3
"""An SMTP server for tests, written against the standard (RFC 5321, 2920, 1870) and none of our code.

It keeps everything it accepted as JSON lines, each written and flushed *before* the reply to the final dot goes out:
its log is what the receiver knows, whatever happened to the sender. Standard library only.

The first line on standard output is one JSON object with the port. It ends when standard input is closed, so that it
never outlives the test that started it.
"""

import argparse
import asyncio
import json
import sys
import time

MAX_LINE = 2048  # octets, commands
MAX_MESSAGE = 32 * 1024 * 1024  # octets


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--log", required=True, help="file that gets one JSON line per accepted message")
    parser.add_argument("--final-delay-ms", type=int, default=0, help="think so long before the reply to the dot")
    parser.add_argument("--refuse", action="append", default=[], metavar="LOCAL=REPLY",
                        help='answer RCPT for this local part so, e.g. "gone=550 5.1.1 No such user"')
    parser.add_argument("--first-refuse", action="append", default=[], metavar="LOCAL=REPLY",
                        help="the same, but only the first time each address is tried")
    return parser.parse_args()


def rules(pairs):
    return dict(pair.split("=", 1) for pair in pairs)


class Log:
    """The accepted messages, in the order of their final dots."""

    def __init__(self, path):
        self.file = open(path, "ab", buffering=0)
        self.count = 0

    def accept(self, mail_from, recipients, message, connection):
        self.count += 1
        line = {
            "number": self.count,
            "at_ms": int(time.time() * 1000),
            "connection": connection,
            "mail_from": mail_from,
            "rcpt_to": recipients,
            "size_bytes": len(message),
            # One character per octet, so that any bytes survive JSON.
            "message": message.decode("latin-1"),
        }
        self.file.write(json.dumps(line).encode("ascii") + b"\n")
        return self.count


class Conversation:
    """One connection. Replies are collected and sent when no more commands are waiting (RFC 2920)."""

    def __init__(self, reader, writer, server):
        self.reader, self.writer, self.server = reader, writer, server
        server.connections += 1
        self.number = server.connections
        self.mail_from, self.recipients = None, []

    async def run(self):
        self.reply("220 peer.test ESMTP test server")
        while True:
            await self.writer.drain()
            try:
                line = await self.reader.readuntil(b"\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            except asyncio.LimitOverrunError:
                self.reply("500 5.5.6 Line too long")
                return
            verb, _, rest = line[:-2].decode("utf-8", "surrogateescape").partition(" ")
            command = getattr(self, "on_" + verb.lower(), None) if verb.isalpha() else None
            if command is None:
                self.reply("500 5.5.1 What?")
            elif await command(rest) == "end":
                return

    def reply(self, *lines):
        for line in lines[:-1]:
            self.writer.write((line[:3] + "-" + line[4:] + "\r\n").encode("utf-8", "surrogateescape"))
        self.writer.write((lines[-1] + "\r\n").encode("utf-8", "surrogateescape"))

    async def on_ehlo(self, _):
        self.mail_from, self.recipients = None, []
        self.reply("250 peer.test", "250 PIPELINING", f"250 SIZE {MAX_MESSAGE}", "250 8BITMIME", "250 SMTPUTF8",
                   "250 ENHANCEDSTATUSCODES")

    async def on_helo(self, _):
        self.mail_from, self.recipients = None, []
        self.reply("250 peer.test")

    async def on_noop(self, _):
        self.reply("250 2.0.0 OK")

    async def on_rset(self, _):
        self.mail_from, self.recipients = None, []
        self.reply("250 2.0.0 OK")

    async def on_quit(self, _):
        self.reply("221 2.0.0 Bye")
        return "end"

    async def on_mail(self, rest):
        path = between_brackets(rest, "FROM:")
        if path is None or self.mail_from is not None:
            self.reply("501 5.5.4 Not now, or not so")
        else:
            self.mail_from, self.recipients = path, []
            self.reply("250 2.1.0 Sender ok")

    async def on_rcpt(self, rest):
        path = between_brackets(rest, "TO:")
        if not path or self.mail_from is None:
            self.reply("503 5.5.1 Not now, or not so")
            return
        local = path.rsplit("@", 1)[0]
        refusal = self.server.refuse.get(local)
        if refusal is None and local in self.server.first_refuse and path not in self.server.tried:
            refusal = self.server.first_refuse[local]
        self.server.tried.add(path)
        if refusal is None:
            self.recipients.append(path)
        self.reply(refusal or "250 2.1.5 Recipient ok")

    async def on_data(self, _):
        if not self.recipients:
            self.reply("554 5.5.1 No valid recipients")
            return
        self.reply("354 Go ahead")
        await self.writer.drain()
        message = await self.read_message()
        if message is None:
            return "end"
        if self.server.final_delay_s:
            await asyncio.sleep(self.server.final_delay_s)
        number = self.server.log.accept(self.mail_from, self.recipients, message, self.number)
        self.mail_from, self.recipients = None, []
        self.reply(f"250 2.0.0 Kept as {number}")

    async def read_message(self):
        """Up to the final dot, stuffing undone; None when the sender left in the middle."""
        lines, size = [], 0
        while True:
            try:
                line = await self.reader.readuntil(b"\r\n")
            except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
                return None
            if line == b".\r\n":
                return b"".join(lines)
            size += len(line)
            if size > MAX_MESSAGE:
                return None
            lines.append(line[1:] if line.startswith(b".") else line)


def between_brackets(rest, prefix):
    """The address of `FROM:<a@b> SIZE=1`, '' for the null sender, None when it is not written like that."""
    if rest[: len(prefix)].upper() != prefix:
        return None
    rest = rest[len(prefix):].strip()
    if not rest.startswith("<") or ">" not in rest:
        return None
    return rest[1: rest.rindex(">")]


class Server:
    def __init__(self, arguments):
        self.log = Log(arguments.log)
        self.refuse, self.first_refuse = rules(arguments.refuse), rules(arguments.first_refuse)
        self.final_delay_s = arguments.final_delay_ms / 1000
        self.connections, self.tried = 0, set()

    async def serve(self, reader, writer):
        try:
            await Conversation(reader, writer, self).run()
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


async def main():
    arguments = read_arguments()
    server = Server(arguments)
    listening = await asyncio.start_server(server.serve, arguments.address, arguments.port,
                                           limit=max(MAX_LINE, 64 * 1024), backlog=512)
    print(json.dumps({"ready": True, "port": listening.sockets[0].getsockname()[1]}), flush=True)
    async with listening:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(main())
