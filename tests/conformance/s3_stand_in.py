"""The S3 stand-in of the conformance tests: moto's server, one request at a time.

moto looks whether a key is there and writes it in two steps, and its own server answers in many threads. So two
creators of one key can both succeed, which S3 does not let happen. One request at a time makes the two steps one.

It prints the port that it has found, and ends when its standard input does: with its parent, however that ends.
"""

import logging
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

application = DomainDispatcherApplication(create_backend_app)
turn = threading.Lock()


def one_at_a_time(environ, start_response):
    with turn:
        return [b"".join(application(environ, start_response))]


# Not a line for every request.
logging.getLogger("werkzeug").setLevel(logging.ERROR)
# In threads nevertheless: a connection that is kept open must not keep others out.
server = make_server("127.0.0.1", 0, one_at_a_time, threaded=True, request_handler=MotoRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
