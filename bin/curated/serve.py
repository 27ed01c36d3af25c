import http.server, os, signal, subprocess, tempfile, threading, time, urllib.request
signal.signal(signal.SIGHUP, lambda *_: None)
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
def ask():
    urllib.request.urlopen('http://127.0.0.1:%d/' % server.server_port).read()
threads = [threading.Thread(target=ask) for _ in range(8)]
for one in threads: one.start()
for one in threads: one.join()
with tempfile.NamedTemporaryFile() as file:
    file.write(b'x'); file.flush(); os.fsync(file.fileno())
os.listdir('/')
os.kill(os.getpid(), signal.SIGHUP)
subprocess.run(['/bin/true'], check=True)
time.sleep(0.05)
server.shutdown()
print('served')
