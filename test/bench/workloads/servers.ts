import { exercise, untilServing } from '../../../cli/walk-through/traffic.js'
import type { Running, Workload } from './workload.js'

const nginxScript = (port: number): string => `
mkdir -p /tmp/www && echo hello >/tmp/www/index.html && head -c 300000 /dev/zero >/tmp/www/large.bin
cat >/tmp/nginx.conf <<END
daemon off; master_process on; worker_processes 2; pid /tmp/nginx.pid; error_log /tmp/error.log;
events { worker_connections 64; }
http { access_log /tmp/access.log; client_body_temp_path /tmp/b; proxy_temp_path /tmp/p;
  fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;
  gzip on; gzip_types application/octet-stream; sendfile on;
  server { listen 127.0.0.1:${port}; root /tmp/www; } }
END
exec nginx -c /tmp/nginx.conf`

async function browse({ port }: Running): Promise<void> {
  await untilServing(port, 20_000)
  const { asked, right } = await exercise(port, 5)
  if (asked !== right) throw new Error(`nginx: ${right} of ${asked} answers were right`)
}

export const servers: readonly Workload[] = [
  {
    name: 'nginx, traffic, SIGHUP reload',
    args: ({ port }) => ['bash', '-c', nginxScript(port)],
    drive: async (running) => {
      await browse(running)
      await running.signal('HUP')
      await browse(running)
      await running.signal('QUIT')
    }
  },
  {
    name: 'redis, redis-benchmark',
    args: ({ port }) => [
      ...['redis-server', '--port', String(port), '--bind', '127.0.0.1', '--dir', '/tmp'],
      ...['--save', '1 1', '--appendonly', 'yes']
    ],
    drive: async ({ port, prints, exec, signal }) => {
      await prints('Ready to accept connections')
      const to = ['-p', String(port)]
      await exec(['redis-benchmark', ...to, '-n', '500', '-c', '8', '-q', '-t', 'set,get,lpush'])
      await exec(['redis-cli', ...to, 'bgsave'])
      await signal('TERM')
    }
  },
  {
    name: 'postgres, SQL over TCP',
    uid: 65534,
    args: ({ port }) => [
      'bash',
      '-ec',
      `export PATH=/usr/lib/postgresql/15/bin:$PATH PGHOST=127.0.0.1 PGPORT=${port}
       initdb -D /tmp/db -A trust -U nobody --no-locale -E UTF8 >/dev/null
       pg_ctl -D /tmp/db -w -l /tmp/log -o "-p ${port} -c listen_addresses=127.0.0.1 -k /tmp" start >/dev/null
       psql -d postgres -c 'create table t as select generate_series(1, 5000) n' -c 'create index on t (n)' \\
         -c 'select sum(n) from t' -c 'vacuum analyze t'
       pg_ctl -D /tmp/db -w -m fast stop >/dev/null`
    ],
    output: /12502500/
  },
  {
    name: 'openssl s_server, s_client',
    args: ({ port }) => [
      'bash',
      '-ec',
      `cd /tmp; openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout k -out c -days 1 2>/dev/null
       openssl s_server -accept 127.0.0.1:${port} -key k -cert c -www >/tmp/log 2>&1 & server=$!
       for try in $(seq 100); do
         printf 'GET / HTTP/1.0\\r\\n\\r\\n' | openssl s_client -quiet -connect 127.0.0.1:${port} >/tmp/page 2>/dev/null && break
         sleep 0.05
       done
       kill $server; wait $server || true; grep -c Cipher /tmp/page`
    ],
    output: /^[1-9]/m
  }
]
