"""After Leta's server in "Adventures with sockets, threads and more!": its function `listen`.

(There `print` stands under `if not msg`, so that it prints what did not come. That is lesson 3.)

Wrong: it takes what one `recv` gives for one message. `recv(1000)` gives *up to* 1000 bytes of
whatever has arrived: several messages, or a part of one.
"""

from meeting import meet


def listen(connection):
    while True:
        msg = connection.recv(1000)
        if not msg:
            break
        print('friend says', msg)


clientsocket = meet()
listen(clientsocket)
