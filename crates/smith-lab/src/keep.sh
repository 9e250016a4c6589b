# Keeps one machine of a lab: mounts its disk over the base where nobody else sees it, boots it, and boots it again whenever it
# reboots. Started in namespaces of its own, so that mounts and links go with it. The arguments are the machine's folder, the
# layers below its disk, its name, the group to boot it in as seen from the top of the cgroups, and the groups to join.
set -eu
folder=$1
lower=$2
name=$3
boot=/sys/fs/cgroup/$4
shift 4

# First of all, so that whoever ends the lab finds this process. The groups are not made here: once they are removed, a keeper
# that comes late ends at this line.
for group; do
    echo $$ >"$group/cgroup.procs"
done

# nspawn looks for its cgroups here, where the first version may stand, and writes below /run.
[ -e /sys/fs/cgroup/cgroup.procs ] || mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /run

# Nothing here waits for the medium, which would be most of the work of an upgrade: a machine that goes down, however it does, leaves
# what it wrote in the computer's memory. Only if the computer itself goes down is some of that lost, and nobody can say what.
started=$(cat /proc/sys/kernel/random/boot_id)
if [ -e "$folder/written" ] && [ "$(cat "$folder/written")" != "$started" ]; then
    echo "expected a disk that was written to since this computer was started, found an older one, which may have lost something:" \
        "make the machine anew with \`smith lab reload $name\`" >&2
    exit 1
fi
echo "$started" >"$folder/written"
mount -o loop,noatime,barrier=0,noinit_itable "$folder/disk.ext4" "$folder/writable"
mkdir -p "$folder/writable/upper" "$folder/writable/work"
# An overlay that syncs nothing leaves this mark for whoever mounts it again. What it asks was answered above.
rm -rf "$folder/writable/work"/*/incompat/volatile
overlay() {
    mount -t overlay -o "$1lowerdir=$lower,upperdir=$folder/writable/upper,workdir=$folder/writable/work" \
        smith-lab "$folder/root"
}
# Kernels before 5.10 do not know the word.
overlay volatile, 2>/dev/null || overlay ''
ip link set lo up

# Whoever started this plugs in the network and writes the machine's files meanwhile; if they die, so does this.
echo ready
read -r go
[ "$go" = go ]
exec </dev/null >>"$folder/console" 2>&1

while :; do
    # A real machine comes up with an empty network. The variable is for machines whose clock is off: the first process has
    # it from nowhere else.
    ip link set eth0 down
    ip address flush dev eth0
    code=0
    sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$boot" \
        systemd-nspawn --quiet --keep-unit --register=no --settings=no --machine="$name" --directory="$folder/root" \
        --network-namespace-path="/proc/$$/ns/net" --capability=CAP_NET_ADMIN --link-journal=no --resolv-conf=off \
        --timezone=off --console=pipe --boot \
        --setenv=FAKETIME_SKIP_CMDS=systemd,systemd-journald,systemd-logind,systemd-shutdown,init || code=$?
    # What nspawn ends with when the machine asked for a reboot.
    [ "$code" = 133 ] || exit "$code"
    while [ -e "$folder/held" ]; do
        sleep 0.2
    done
done
