"""Leta's threaded server of "Adventures with sockets, threads and more!", in Python 3.

Corrected: the lines that the web page lost are back (`listen(5)`, the threads' `start`); what
comes is printed rather than what does not come; the message is sent rather than the line
`HTTP/1.0 200 OK`; each thread uses the connection that it is given, and ends when its side of
the conversation does. The `recv(1000)` is hers.
"""

import socket
import threading

from meeting import meet

clientsocket = meet()


def listen(connection):
    while True:
        msg = connection.recv(1000)
        if not msg:
            break
        print('friend says', msg.decode('utf-8', 'replace'), flush=True)


def write(connection):
    while True:
        try:
            message = input('')
        except EOFError:
            break
        connection.sendall((message + '\n').encode('utf-8'))
    connection.shutdown(socket.SHUT_WR)


t = threading.Thread(target=write, args=[clientsocket])
r = threading.Thread(target=listen, args=[clientsocket])
t.start()
r.start()
t.join()
r.join()
clientsocket.close()
