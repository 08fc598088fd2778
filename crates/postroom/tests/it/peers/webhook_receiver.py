"""A receiver of webhooks that believes only the public library of Standard Webhooks.

Says its port as one line of JSON, then writes a line for every request: its id, whether the library verified it, and the
body. A request is answered 204 when it is genuine and 400 when it is not; the first --refuse ones are answered 503.
Ends when its standard input is closed.
"""

import argparse
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

parser = argparse.ArgumentParser()
parser.add_argument("--log", required=True)
parser.add_argument("--secret", required=True, help="the file that will hold the secret")
parser.add_argument("--refuse", type=int, default=0)
arguments = parser.parse_args()
lock, log, refused = threading.Lock(), open(arguments.log, "a", encoding="utf-8"), 0


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        global refused
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with lock:
            if refused < arguments.refuse:
                refused += 1
                return self.answer(503)
            with open(arguments.secret, encoding="utf-8") as secret:
                webhook = Webhook(secret.read().strip())
            try:
                webhook.verify(body, {name.lower(): value for name, value in self.headers.items()})
                genuine = True
            except WebhookVerificationError:
                genuine = False
            told = {"id": self.headers["webhook-id"], "genuine": genuine, "body": body.decode()}
            log.write(json.dumps(told) + "\n")
            log.flush()
            return self.answer(204 if genuine else 400)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"ready": True, "port": server.server_address[1]}), flush=True)
sys.stdin.buffer.read()
os._exit(0)
