"""How the wrong programs of the lessons find each other; nothing is wrong in here.

`PROGRAM.py listen` waits for a call on a free port, which its first line on stderr tells, and
`PROGRAM.py connect PORT` calls.
"""

import socket
import sys


def meet():
    """Gives the connected socket that the command line asks for."""
    if sys.argv[1] == 'listen':
        serversocket = socket.socket()
        serversocket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        serversocket.bind(('127.0.0.1', 0))
        # queue up to 5 requests:
        serversocket.listen(5)
        print('listening on %s:%s' % serversocket.getsockname(), file=sys.stderr, flush=True)
        clientsocket, addr = serversocket.accept()
        serversocket.close()
        return clientsocket
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.connect(('127.0.0.1', int(sys.argv[2])))
    return sock
