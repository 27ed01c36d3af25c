import type { Workload } from './workload.js'

const inTmp = (script: string): readonly string[] => [
  'bash',
  '-ec',
  `cd /tmp; export HOME=/tmp; ${script}`
]

export const tools: readonly Workload[] = [
  {
    name: 'dpkg and apt-cache',
    args: () =>
      inTmp(
        'dpkg -l | tail -n 2; dpkg -s bash >/dev/null; apt-cache -o Dir::Cache=/tmp/c -o ' +
          'Dir::State::lists=/tmp/l policy bash; dpkg --print-architecture; apt-config dump ' +
          '>/dev/null'
      ),
    files: [{ source: '/var/lib/dpkg', target: '/var/lib/dpkg' }],
    output: /amd64/
  },
  {
    name: 'sqlite3',
    args: () =>
      inTmp(
        `sqlite3 x.db 'pragma journal_mode=wal; create table t(a, b); with recursive c(n) as ` +
          '(select 1 union all select n+1 from c limit 5000) insert into t select n, ' +
          'hex(randomblob(50)) from c; create index i on t(b); delete from t where a % 3 = 0; ' +
          `vacuum; select count(*) from t;'`
      ),
    output: /3334/
  },
  {
    name: 'git',
    args: () =>
      inTmp(
        'git init -q r; cd r; git config user.email a@b; git config user.name n; for i in 1 ' +
          '2 3; do echo $i >f$i; git add .; git commit -qm c$i; done; git log --oneline | cat; ' +
          'git gc -q; git clone -q . ../s; git fsck'
      ),
    output: /c3[^]*c1/
  },
  {
    name: 'tar and gzip',
    args: () =>
      inTmp(
        'tar cf - /usr/share/perl 2>/dev/null | gzip -1 >a.tgz; mkdir x; tar xzf a.tgz -C x; ' +
          'find x -type f | wc -l; tar tzf a.tgz | tail -n 1; gzip -t a.tgz && echo whole'
      ),
    output: /whole/
  },
  {
    name: 'curl',
    args: ({ page }) =>
      inTmp(
        `curl -sS ${page} -o a; curl -sS --parallel ${page} -o b ${page} -o c; curl -sS -d ` +
          `x=y ${page} >/dev/null; curl -s http://localhost:1/ || echo refused; curl -sS ` +
          'file:///etc/passwd | head -n 1; cat a b c'
      ),
    output: /refused[^]*root:[^]*page/
  }
]
