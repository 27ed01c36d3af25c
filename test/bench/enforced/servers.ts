import { createConnection } from 'node:net'
import { once } from 'node:events'
import { ask, exercise, untilServing } from '../../../cli/walk-through/traffic.js'
import { until } from '../../helpers/until.js'

/** A server of a Debian release, and how one tells that it works. */
export interface Server {
  name: string
  /** Packages of every release. */
  packages: readonly string[]
  args: (port: number) => readonly string[]
  files?: (port: number) => Record<string, string>
  /** The entry point is pid 1: only a signal that it handles reaches it. */
  stopSignal: string
  ready: (port: number) => Promise<unknown>
  /** True when every answer is right. */
  works: (port: number) => Promise<boolean>
}

/** A busy machine is slow, not wrong. */
const patienceMs = 60_000

/** Sends lines one after the other on one connection and gives what came back to each. */
async function talk(port: number, lines: readonly string[]): Promise<string[]> {
  const socket = createConnection(port, '127.0.0.1')
  socket.setTimeout(patienceMs, () => socket.destroy(new Error('no answer')))
  try {
    await once(socket, 'connect')
    const answers: string[] = []
    for (const line of lines) {
      socket.write(`${line}\r\n`)
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      answers.push(chunk.toString().trim())
    }
    return answers
  } finally {
    socket.destroy()
  }
}

/** A page server in a language: every answer names what the program did for it. */
async function pages(port: number, expected: RegExp): Promise<boolean> {
  const answers = await Promise.allSettled(
    Array.from({ length: 12 }, async (_, i) => ask(port, `/${i}`, 'GET', undefined, patienceMs))
  )
  return answers.every(
    (answer) =>
      answer.status === 'fulfilled' &&
      answer.value.status === 200 &&
      expected.test(answer.value.body)
  )
}

const python = (port: number): string => `
import http.server, json, os, signal, socketserver, ssl, subprocess, sys, tempfile, threading
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        done = []
        thread = threading.Thread(target=lambda: done.append(sum(range(1000))))
        thread.start(); thread.join()
        out = subprocess.run(['/bin/echo', 'child'], capture_output=True).stdout.decode().strip()
        with tempfile.TemporaryFile() as f: f.write(b'x' * 100000); f.seek(0); size = len(f.read())
        body = json.dumps({'thread': done[0], 'child': out, 'size': size}).encode()
        self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
class Threads(socketserver.ThreadingMixIn, http.server.HTTPServer): daemon_threads = True
Threads(('127.0.0.1', ${port}), Page).serve_forever()
`

const node = (port: number): string => `
const { createServer } = require('http'), { execFile } = require('child_process'), fs = require('fs')
const zlib = require('zlib'), { Worker } = require('worker_threads')
process.on('SIGTERM', () => process.exit(0))
createServer((request, response) => {
  fs.writeFileSync('/tmp/' + process.hrtime.bigint(), 'x')
  zlib.gzip(Buffer.alloc(100000), () => execFile('/bin/echo', ['child'], (error, out) => {
    const worker = new Worker('require("worker_threads").parentPort.postMessage(42)', { eval: true })
    worker.on('message', (n) => response.end(JSON.stringify({ child: out.trim(), worker: n })))
  }))
}).listen(${port}, '127.0.0.1')
`

const perl = (port: number): string => `
use strict; use Socket; use POSIX ':sys_wait_h';
$SIG{TERM} = sub { exit 0 }; $SIG{CHLD} = sub { while (waitpid(-1, WNOHANG) > 0) {} };
socket(my $server, PF_INET, SOCK_STREAM, 6) or die $!;
setsockopt($server, SOL_SOCKET, SO_REUSEADDR, 1);
bind($server, sockaddr_in(${port}, inet_aton('127.0.0.1'))) or die $!; listen($server, 32);
while (1) {
  my $peer = accept(my $client, $server) or next;
  my $pid = fork(); if ($pid) { close $client; next }
  sysread($client, my $request, 4096);
  my $out = \`/bin/echo child\`; chomp $out; my $body = "{\\"child\\":\\"$out\\"}";
  syswrite($client, "HTTP/1.1 200 OK\\r\\nContent-Length: " . length($body) . "\\r\\nConnection: close\\r\\n\\r\\n$body");
  exit 0;
}
`

const php = `<?php
$f = tempnam('/tmp', 'x'); file_put_contents($f, str_repeat('x', 100000));
echo json_encode(['child' => trim(shell_exec('/bin/echo child')), 'size' => filesize($f), 'hash' => md5_file($f) !== false]);
`

export const servers: readonly Server[] = [
  {
    name: 'nginx',
    packages: ['nginx', 'nginx-common'],
    args: () => ['/usr/sbin/nginx', '-c', '/etc/nginx/nginx.conf'],
    files: (port) => ({
      '/etc/nginx/nginx.conf': `daemon off; worker_processes 2; error_log /dev/null; pid /run/nginx.pid;
events {} http { access_log off; sendfile on; server { listen 127.0.0.1:${port}; root /srv; } }\n`,
      '/srv/index.html': 'hello\n',
      '/srv/large.bin': 'x'.repeat(300_000)
    }),
    stopSignal: 'QUIT',
    ready: (port) => untilServing(port, patienceMs),
    works: async (port) => {
      const { asked, right } = await exercise(port, 2)
      return asked === right
    }
  },
  {
    name: 'redis',
    packages: ['redis-server', 'redis-tools'],
    args: (port) => [
      ...['/usr/bin/redis-server', '--bind', '127.0.0.1', '--port', String(port)],
      ...['--dir', '/data', '--save', '']
    ],
    stopSignal: 'TERM',
    ready: (port) =>
      until('redis to answer', () => talk(port, ['PING']), { timeoutMs: patienceMs }),
    works: async (port) => {
      const asked = ['PING', 'SET k v', 'GET k', 'INCR n', 'BGSAVE', 'EVAL "return 7" 0']
      const answers = await talk(port, asked)
      return (
        answers.join(' ').includes('+PONG +OK') &&
        answers[5] === ':7' &&
        answers[4]?.startsWith('+Background') === true
      )
    }
  },
  {
    name: 'memcached',
    packages: ['memcached'],
    args: (port) => ['/usr/bin/memcached', '-u', 'nobody', '-l', '127.0.0.1', '-p', String(port)],
    stopSignal: 'INT',
    ready: (port) =>
      until('memcached to answer', () => talk(port, ['version']), { timeoutMs: patienceMs }),
    works: async (port) => {
      const answers = await talk(port, ['set a 0 0 1\r\nx', 'get a', 'stats settings', 'flush_all'])
      return (
        answers[0] === 'STORED' &&
        answers[1]?.startsWith('VALUE a 0 1') === true &&
        answers[3] === 'OK'
      )
    }
  },
  {
    name: 'python3',
    packages: ['python3', 'coreutils'],
    args: (port) => ['/usr/bin/python3', '-c', python(port)],
    stopSignal: 'TERM',
    ready: (port) => untilServing(port, patienceMs),
    works: (port) => pages(port, /"thread": 499500, "child": "child", "size": 100000/)
  },
  {
    name: 'node',
    packages: ['nodejs', 'coreutils'],
    args: (port) => ['/usr/bin/node', '-e', node(port)],
    stopSignal: 'TERM',
    ready: (port) => untilServing(port, patienceMs),
    works: (port) => pages(port, /"child":"child","worker":42/)
  },
  {
    name: 'perl',
    packages: ['perl', 'coreutils', 'dash'],
    args: (port) => ['/usr/bin/perl', '-e', perl(port)],
    stopSignal: 'TERM',
    ready: (port) => untilServing(port, patienceMs),
    works: (port) => pages(port, /"child":"child"/)
  },
  {
    name: 'php',
    packages: ['php-cli', 'coreutils', 'dash'],
    // The name without a version is made by a maintainer script.
    args: (port) => ['/bin/sh', '-c', `exec /usr/bin/php8.* -S 127.0.0.1:${port} /srv/index.php`],
    files: () => ({ '/srv/index.php': php }),
    stopSignal: 'INT',
    ready: (port) => untilServing(port, patienceMs),
    works: (port) => pages(port, /"child":"child","size":100000,"hash":true/)
  }
]

/** Everything that any of the servers needs: one root file system a release. */
export const allPackages = [...new Set(servers.flatMap(({ packages }) => packages))]
