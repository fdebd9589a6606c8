"""Susan's client of "Adventures with sockets, threads and more!", in Python 3.

Corrected: the lines that the web page lost are back (`connect`, the function `send`, the thread's
`start`); the loop ends when nothing more comes, which is also what makes its last line be
reached. The `recv(RECV_BUFFER)` of 4096 is hers, and so is that she is told on stderr.
"""

import socket
import sys
import threading

from meeting import meet


def send(sock):
    for message in sys.stdin:
        sock.sendall(message.encode('utf-8'))
    sock.shutdown(socket.SHUT_WR)


def server():
    RECV_BUFFER = 4096
    sock = meet()
    t = threading.Thread(target=send, args=[sock])
    t.start()
    print('hi!!!! TESTING!!', flush=True)
    while True:
        data = sock.recv(RECV_BUFFER)
        if not data:
            break
        print('Leta says: %s' % data.decode('utf-8', 'replace'), file=sys.stderr, flush=True)
    t.join()
    print('closing socket', file=sys.stderr)
    sock.close()


server()
