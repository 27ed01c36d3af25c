import process from 'node:process'
import type { Workload } from './workload.js'

const python = `
import threading, subprocess, socket, json, hashlib, os, signal, sqlite3, select, time, tempfile
def work(n):
    with tempfile.TemporaryFile() as f:
        f.write(os.urandom(4096)); f.seek(0); hashlib.sha256(f.read()).hexdigest()
    time.sleep(0.01)
threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
[t.start() for t in threads]; [t.join() for t in threads]
print(subprocess.run(['bash', '-c', 'echo from a child | tr a-z A-Z'], capture_output=True, text=True).stdout)
a, b = socket.socketpair(); a.sendall(b'x'); select.select([b], [], [], 1); b.recv(1)
signal.signal(signal.SIGALRM, lambda *_: None); signal.setitimer(signal.ITIMER_REAL, 0.01); signal.pause()
if os.fork() == 0: os._exit(3)
print(os.wait()[1] >> 8)
`

const node = `
const { Worker, isMainThread } = require('node:worker_threads')
const { execFileSync, spawn } = require('node:child_process')
const http = require('node:http'), fs = require('node:fs'), zlib = require('node:zlib'), crypto = require('node:crypto')
fs.writeFileSync('/tmp/x', crypto.randomBytes(1e5)); fs.watch('/tmp/x').close()
const sum = 'let s = 0; for (let i = 0; i < 1e6; i++) s += i; require("node:worker_threads").parentPort.postMessage(s)'
const one = () => new Promise((resolve) => new Worker(sum, { eval: true }).on('message', resolve))
const server = http.createServer((q, r) => r.end(zlib.gzipSync('hello'))).listen(0, '127.0.0.1', async () => {
  await Promise.all([one(), one()])
  await (await fetch('http://127.0.0.1:' + server.address().port)).arrayBuffer()
  await fs.promises.readFile('/tmp/x')
  console.log(execFileSync('bash', ['-c', 'echo child']).toString())
  server.close(); server.closeAllConnections()
})`

const perl = `
use Socket; use IO::Socket::INET; use POSIX;
my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die;
if (!(my $p = fork)) { my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $s->sockport) or die; print $c "hi\\n"; exit 0 }
my $c = $s->accept; print scalar <$c>; wait;
open my $h, '-|', 'sort', '-r', '/etc/passwd'; my @l = <$h>; print scalar(@l), " lines\\n";
local $SIG{ALRM} = sub { print "alarm\\n" }; alarm 1; select undef, undef, undef, 3; print POSIX::strftime('%Y', gmtime), "\\n";
`

export const interpreters: readonly Workload[] = [
  {
    name: 'python3, threads and subprocesses',
    args: () => ['python3.11', '-c', python],
    output: /FROM A CHILD[^]*3/
  },
  {
    name: 'node, workers and children',
    args: () => ['node', '-e', node],
    files: [{ source: process.execPath, target: '/usr/local/bin/node' }],
    output: /child/
  },
  { name: 'perl, fork and sockets', args: () => ['perl', '-e', perl], output: /hi\n[^]*alarm/ },
  {
    name: 'bash pipeline',
    args: () => [
      'bash',
      '-c',
      `trap 'echo bye' EXIT; find /usr/share -name '*.conf' 2>/dev/null |
       sort | uniq -c | sed 's/^ *//' | gawk '{n+=$1} END {print n, "files"}'
       exec 3<>/tmp/f; echo x >&3; (sleep 0.05; kill -USR1 $$) & trap 'echo usr1' USR1; wait
       cat <(echo sub) | grep sub; ulimit -n; umask; cd /tmp; pwd`
    ],
    output: /files[^]*usr1[^]*bye/
  },
  {
    name: 'busybox sh, static',
    args: () => [
      '/bin/busybox',
      'sh',
      '-c',
      'B=/bin/busybox; cd /tmp; $B seq 100 | $B sort -rn | $B md5sum >a; $B tar cf t a; $B ' +
        'gzip t; $B ls -l; $B vi -h >/dev/null 2>&1; $B nc -l -p 0 -w 1 </dev/null; $B ps | ' +
        '$B wc -l; $B sleep 0.1; $B test -s t.gz && echo packed'
    ],
    output: /packed/
  }
]
