"""After Leta's server in "Adventures with sockets, threads and more!", with an end: when the friend
has left, `listen` says so and ends, and `write` is to end as well.

Wrong: `write` is told by a flag, and looks at it when it comes round again. But it is blocked in
`input`, where it looks at nothing; so `t.join()` waits until somebody presses Enter. What was
typed with that Enter is sent to nobody.
"""

import threading

from meeting import meet

friend_is_here = True


def listen(connection):
    global friend_is_here
    while True:
        msg = connection.recv(1000)
        if not msg:
            break
        print('friend says', msg.decode('utf-8'), end='')
    print('friend has left')
    friend_is_here = False


def write(connection):
    while friend_is_here:
        message = input('')
        connection.send((message + '\n').encode('utf-8'))


clientsocket = meet()
t = threading.Thread(target=write, args=[clientsocket])
r = threading.Thread(target=listen, args=[clientsocket])
t.start()
r.start()
r.join()
t.join()
print('goodbye')
