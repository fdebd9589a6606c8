"""After "Adventures with sockets, threads and more!", as it would be without its two threads.

Its `write` and its `listen` stand in one loop here, one after the other, in one thread.

Wrong: while `input` waits for the keyboard nobody waits for the friend, and while `recv` waits
for the friend nobody waits for the keyboard. "I could type a message to Susan, and then I
couldn't type one again until I had her response", says the article.
"""

from meeting import meet

clientsocket = meet()

while True:
    message = input('')
    clientsocket.sendall((message + '\n').encode('utf-8'))
    msg = clientsocket.recv(1000)
    if not msg:
        break
    print('friend says', msg.decode('utf-8'), end='')
