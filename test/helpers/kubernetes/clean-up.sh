# The end of a cluster, normal or not: waits until its standard input is closed (by stop(), or because the
# process that held it is gone), then removes everything that outlives a process.
# Usage: sh clean-up.sh FOLDER CGROUP BRIDGE
folder=$1 cgroup=$2 bridge=$3
cat >/dev/null

# Everything that was started is in one tree of cgroups: containers, shims, kubelets, the servers. Mounts and
# network namespaces belong to a mount namespace of theirs and end with its last process.
unified=/sys/fs/cgroup
[ -d "$unified/unified" ] && unified=$unified/unified
tries=0
while [ -d "$unified/$cgroup" ] && grep -q 'populated 1' "$unified/$cgroup/cgroup.events" && [ $tries -lt 500 ]; do
	echo 1 >"$unified/$cgroup/cgroup.kill"
	sleep 0.02
	tries=$((tries + 1))
done

# Before the cgroup, whose name is the claim on the number: another cluster may take both afterwards.
ip link delete "$bridge" 2>/dev/null

remove_cgroups() {
	left=no
	for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*; do
		[ -d "$hierarchy/$cgroup" ] || continue
		find "$hierarchy/$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
		[ -d "$hierarchy/$cgroup" ] && left=yes
	done
	[ $left = no ]
}
tries=0
until remove_cgroups || [ $tries -ge 100 ]; do
	sleep 0.05
	tries=$((tries + 1))
done

rm -rf --one-file-system "$folder"
exit 0
