"""After Leta's server in "Adventures with sockets, threads and more!", with both its threads, and
with the `decode('utf-8')` that "How The Internet Speaks" has, and that Python 3 wants.

Wrong: `recv` gives bytes, and can end in the middle of a character. Then `decode` raises an error,
the thread `r` dies of it, and the thread `t` does not notice: the chat goes on, deaf.
"""

import threading

from meeting import meet


def listen(connection):
    while True:
        msg = connection.recv(1000)
        if not msg:
            break
        print('friend says', msg.decode('utf-8'), end='')


def write(connection):
    while True:
        message = input('')
        connection.sendall((message + '\n').encode('utf-8'))


clientsocket = meet()
t = threading.Thread(target=write, args=[clientsocket])
r = threading.Thread(target=listen, args=[clientsocket])
t.start()
r.start()
