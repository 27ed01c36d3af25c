#!/bin/sh
# /init of the guest: this machine's files read-only below a writable layer, a share for answers, one job, off.
# On the kernel's command line: secco.cgroup=v1|v2, secco.job=FILE in the share.
mkdir -p /proc /sys /dev /ro /rw /n
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "/modules/$module" || echo "secco: no $module"; done </modules/order

say() { echo "secco: $*"; }
off() { sync; echo o >/proc/sysrq-trigger; sleep 60; }
argument() { sed -n "s/.*secco\.$1=\([^ ]*\).*/\1/p" /proc/cmdline; }

mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 hostroot /ro || { say "no root"; off; }
mount -t tmpfs rw /rw
mkdir /rw/u /rw/w
mount -t overlay -o lowerdir=/ro,upperdir=/rw/u,workdir=/rw/w overlay /n || { say "no overlay"; off; }
mount -t proc proc /n/proc
mount -t sysfs sys /n/sys
mount -t devtmpfs dev /n/dev
mkdir -p /n/dev/pts /n/dev/shm
mount -t devpts devpts /n/dev/pts
mount -t tmpfs shm /n/dev/shm
mount -t tmpfs run /n/run
mount -t securityfs security /n/sys/kernel/security
mount -t tracefs trace /n/sys/kernel/tracing
mount -t bpf bpf /n/sys/fs/bpf
if [ "$(argument cgroup)" = v1 ]; then
	mount -t tmpfs cgroup /n/sys/fs/cgroup
	for one in cpuset cpu,cpuacct blkio memory devices freezer pids perf_event; do
		mkdir "/n/sys/fs/cgroup/$one"
		mount -t cgroup -o "$one" cgroup "/n/sys/fs/cgroup/$one" || rmdir "/n/sys/fs/cgroup/$one"
	done
	mkdir /n/sys/fs/cgroup/systemd
	mount -t cgroup -o none,name=systemd cgroup /n/sys/fs/cgroup/systemd
else
	mount -t cgroup2 cgroup2 /n/sys/fs/cgroup
fi
mkdir -p /n/run/share
mount -t 9p -o trans=virtio,version=9p2000.L,rw,cache=none,msize=262144 share /n/run/share || { say "no share"; off; }
ip link set lo up
say "up after $(cut -d' ' -f1 /proc/uptime) s"
chroot /n /bin/sh "/run/share/$(argument job)"
say "job ended with $?"
off
