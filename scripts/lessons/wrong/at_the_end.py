"""After Leta's server in "Adventures with sockets, threads and more!": its function `listen`, as
the article has it (with the `print` of Python 3).

Wrong: a `recv` that gives nothing does not mean that nothing has come yet. For that it would wait.
It means that the friend has ended, and that every further `recv` will give nothing at once.
"""

from meeting import meet

clientsocket = meet()


def listen(connection):
    while True:
        msg = clientsocket.recv(1000)
        if not msg:
            print('friend says', msg)


listen(clientsocket)
