"""A room, made of the server of "Adventures with sockets, threads and more!" as most tutorials go
on: a thread for each member, and what one says is sent to all the others.

Wrong: `sendall` waits for the member that it sends to. One who does not read stops the thread of
whoever speaks, in the middle of the loop; the lock is held meanwhile, so all others stop as well.
"""

import socket
import sys
import threading

clients = []
lock = threading.Lock()


def listen(connection):
    while True:
        msg = connection.recv(1000)
        if not msg:
            break
        with lock:
            for clientsocket in clients:
                if clientsocket is not connection:
                    clientsocket.sendall(msg)


serversocket = socket.socket()
serversocket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
serversocket.bind(('127.0.0.1', 0))
serversocket.listen(5)
print('listening on %s:%s' % serversocket.getsockname(), file=sys.stderr, flush=True)
while True:
    clientsocket, addr = serversocket.accept()
    with lock:
        clients.append(clientsocket)
    threading.Thread(target=listen, args=[clientsocket]).start()
