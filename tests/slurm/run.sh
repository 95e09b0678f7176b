#!/usr/bin/env bash
# Run the tests of this folder with a real Slurm that nothing else on this machine sees: its packages, settings
# and daemons lie in namespaces of this script, and are gone with it. As root, on Debian or Ubuntu; where that
# cannot be they are skipped, with a reason. What takes longer than 20 minutes is ended, and has failed.
set -euo pipefail
cd "$(dirname "$0")/../.."
LIMIT=1200

skip() {
    echo "tests on Slurm are skipped: $1"
    exit 0
}

if [ "${1:-}" != inside ]; then
    [ "$(id -u)" = 0 ] || skip "they need root"
    command -v apt-get > /dev/null || skip "they need apt-get, for Debian's packages slurm-wlm and munge"
    namespaces=(--mount --pid --fork --kill-child --mount-proc --uts)
    problem=$(unshare "${namespaces[@]}" --net true 2>&1) || skip "no namespaces here: $problem"
    upper=$(mktemp -d)
    trap 'rmdir "$upper"' EXIT
    # unshare lets other signals wait for what runs in it; after this one all of it is gone.
    timeout --foreground --signal=KILL "$LIMIT" unshare "${namespaces[@]}" bash "$0" inside "$upper" "$@"
    exit
fi
upper=$2
shift 2

# What is written to these folders stays in memory.
mount -t tmpfs -o size=2g tmpfs "$upper" || skip "no file system in memory"
for folder in etc usr var; do
    mkdir "$upper/$folder" "$upper/$folder.work"
    mount -t overlay -o "lowerdir=/$folder,upperdir=$upper/$folder,workdir=$upper/$folder.work" overlay "/$folder" ||
        skip "no overlay of /$folder"
done
mkdir "$upper/run"
mount --bind "$upper/run" /run || skip "no /run of their own"
{ mknod "$upper/gpu" c 1 3 && : > "$upper/gpu"; } || skip "no devices can be made, which stand for GPUs"
packages=(slurm-wlm munge iproute2)
{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "${packages[@]}"; } \
    > "$upper/apt.log" 2>&1 || skip "apt-get does not install ${packages[*]}: $(tail -n 3 "$upper/apt.log")"
unshare --net ip link set lo up || skip "no network of their own"

# One machine with a name and a network of its own.
hostname slurm-test
echo "127.0.0.1 localhost slurm-test" > /etc/hosts
# With an address beside 127.0.0.1: without one glibc takes a machine for offline and resolves no name.
export ANATOMY_TEST_SLURM=1
# Each process takes the next two tests, of which in their file one is long and one is short.
unshare --net bash -c '
    ip link set lo up && ip address add 10.0.0.1/32 dev lo && python tests/slurm/slurm_cluster.py && "$@"
' bash pytest --numprocesses 3 tests/slurm "$@"
