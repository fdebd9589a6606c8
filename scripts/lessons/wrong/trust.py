"""After Leta's server in "Adventures with sockets, threads and more!", with both its threads.

Wrong: it prints what arrives as it is. A terminal does not only show what is printed, it also
obeys it: some characters move the cursor, erase, set the window's title, fill the clipboard,
or make the terminal itself type an answer.
"""

import threading

from meeting import meet


def listen(connection):
    while True:
        msg = connection.recv(1000)
        if not msg:
            break
        text = msg.decode('utf-8', 'replace')
        print('friend says', text, end='')


def write(connection):
    while True:
        message = input('')
        connection.sendall((message + '\n').encode('utf-8'))


clientsocket = meet()
t = threading.Thread(target=write, args=[clientsocket])
r = threading.Thread(target=listen, args=[clientsocket])
t.start()
r.start()
