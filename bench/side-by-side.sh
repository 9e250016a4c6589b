#!/usr/bin/env bash
# Patches the same machines with the same packages twice, with Ansible and with smith, under the same limit: one machine of a
# cluster at a time. The machines are made anew before each. Prints what the clock on the wall says, and the ratio.
# README.md beside it says what is measured and which variables there are.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
target=${CARGO_TARGET_DIR:-$root/target}
smith=${SMITH:-$target/release/smith}
dir=${SMITH_BENCH_DIR:-$target/side-by-side}
clusters=${CLUSTERS:-3}
machines=${MACHINES:-4}
modes=${MODES:-plays clusters batches plain}
release=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")

fail() {
    printf 'bench: %s\n' "$*" >&2
    exit 1
}
say() { printf '%s %s\n' "$(date -u +%H:%M:%S)" "$*" >&2; }

[[ $(id -u) == 0 ]] || fail "expected root, who can have a lab"
[[ -x $smith ]] || fail "expected smith in $smith, found none; build it with \`cargo build --release -p smith\`"
agent=${AGENT:-$(ls "$target"/dist/smith-agent_*_"$(dpkg --print-architecture)".deb 2>/dev/null | tail -1)}
[[ -f $agent ]] || fail "expected the agent's package in $target/dist, found none; \`cargo xtask dist\` makes it"
venv=${SMITH_BENCH_VENV:-$dir/venv}
mkdir -p "$dir"
if [[ ! -x $venv/bin/ansible-playbook ]]; then
    say "installing ansible-core into $venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet ansible-core
fi

for name in $(compgen -e SMITH_ || true); do
    [[ $name == SMITH_LAB_CACHE ]] || unset "$name"
done
export SMITH_LAB_DIR=$dir/labs SMITH_LAB=bench SMITH_STORE=$dir/store
export SMITH_LAB_CACHE=${SMITH_LAB_CACHE:-$dir/base}
lab=$SMITH_LAB_DIR/$SMITH_LAB
pids=()
clean() {
    trap - EXIT
    ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true
    [[ ! -e $lab/lab.json ]] || "$smith" lab down --yes >/dev/null
}
trap clean EXIT
trap 'exit 130' INT TERM

lab_up() {
    [[ ! -e $lab/lab.json ]] || "$smith" lab down --yes >/dev/null
    "$smith" lab up --clusters "$clusters" --machines "$machines" --regions 2 --suite "$release" --agent "$agent" \
        >/dev/null 2>"$dir/lab.log" || fail "the lab could not be made: $(tail -3 "$dir/lab.log")"
    "$smith" lab list --json >"$dir/lab.json"
}
names() { python3 -c 'import json,sys; [print(m["name"]) for m in json.load(open(sys.argv[1]))[0]["machines"]]' "$dir/lab.json"; }
first() { local all; all=$(names); echo "${all%%$'\n'*}"; }
gateway() { python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))[0]["gateway"])' "$dir/lab.json"; }

# Build 1 is the release as it came out, build 2 has all later fixes; both with what the machines have and what Ansible needs there.
builds() {
    [[ ! -d $SMITH_STORE/builds/2 ]] || return 0
    mkdir -p "$dir/profiles"
    "$smith" lab ssh "$(first)" cat /var/lib/dpkg/status >"$dir/profiles/machine"
    [[ -d $SMITH_STORE/keys ]] || "$smith" build key new --user-id 'Bench <bench@bench.example>' >/dev/null
    rm -f "$dir"/*.yaml
    "$smith" build init "$dir/all.yaml" 2>/dev/null || true
    python3 - "$dir" "$release" <<'PYTHON'
import re, sys
folder, release = sys.argv[1:]
head, *parts = re.split(r"(?m)^(?=  - upstream:)", open(f"{folder}/all.yaml").read())
take = "    take: {installed: [profiles], packages: [python3-apt], closure: depends}\n"
for name, is_wanted in (("before", lambda suite: suite == release),
                        ("after", lambda suite: suite == release or suite.startswith(release + "-"))):
    text = head
    for part in parts:
        suites = [suite for suite in re.findall(r'"([^"]*)"', re.search(r"suites: .*", part)[0]) if is_wanted(suite)]
        if suites:
            text += re.sub(r"suites: .*", f"suites: [{', '.join(suites)}]", part) + take
    open(f"{folder}/{name}.yaml", "w").write(text)
PYTHON
    "$smith" build create "$dir/before.yaml" >/dev/null
    "$smith" build create "$dir/after.yaml" >/dev/null
}

# Both find the same machines: Ansible's module needs python3-apt, of build 1; then the sources name build 2. Nothing is fetched.
prepare() {
    local key script
    "$smith" build key export "$dir/smith.gpg"
    key=$(base64 -w0 "$dir/smith.gpg")
    script="set -e
mkdir -p /etc/apt/keyrings; echo $key | base64 -d >/etc/apt/keyrings/smith.gpg; rm -f /etc/apt/sources.list.d/*
for build in 1 2; do
    : >/etc/apt/sources.list
    for suite in \$(eval echo \\\$suites_\$build); do
        echo \"deb [signed-by=/etc/apt/keyrings/smith.gpg] $address/builds/\$build/\${suite%%:*} \${suite#*:} main\" >>/etc/apt/sources.list
    done
    [ \$build = 2 ] || { apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq -y install python3-apt >/dev/null; }
done
apt-get clean; rm -rf /var/lib/apt/lists/*"
    local one two
    one=$(suites 1) two=$(suites 2)
    names | xargs -P 4 -I{} "$smith" lab ssh {} "suites_1='$one'; suites_2='$two'; $script" >"$dir/prepare.log" 2>&1 ||
        fail "the machines could not be prepared: $(tail -3 "$dir/prepare.log")"
}
# `UPSTREAM:SUITE` for each suite of a build.
suites() { (cd "$SMITH_STORE/builds/$1" && find . -path './*/dists/*' -name InRelease | sed 's|^\./\([^/]*\)/dists/\(.*\)/InRelease$|\1:\2|' | sort | tr '\n' ' '); }

inventory() {
    python3 - "$dir/lab.json" "$lab" <<'PYTHON'
import collections, itertools, json, sys
lab, folder = sys.argv[1:]
clusters = collections.defaultdict(list)
for machine in json.load(open(lab))[0]["machines"]:
    clusters[machine["cluster"]].append(machine)
def line(machine):
    return f'{machine["name"]} ansible_host={machine["address"]}'
# In batches of one machine of each cluster, the batches are cut from the list.
rows = itertools.chain(*itertools.zip_longest(*clusters.values()))
print("[all]", *(line(machine) for machine in rows if machine), sep="\n")
for cluster, members in clusters.items():
    print(f'[{cluster.replace("-", "_")}]', *(machine["name"] for machine in members), sep="\n")
print("[all:vars]", "ansible_user=root", f"ansible_ssh_private_key_file={folder}/keys/admin",
      f"ansible_ssh_common_args=-o UserKnownHostsFile={folder}/known_hosts -o IdentitiesOnly=yes", sep="\n")
PYTHON
}

cluster_groups() { sed -n 's/^\[\(.*_.*\)\]$/\1/p' "$dir/hosts"; }

run_ansible() {
    local mode=$1 begun failed=0 waiting=()
    inventory >"$dir/hosts"
    export ANSIBLE_CONFIG=$here/ansible.cfg ANSIBLE_HOME=$dir/ansible LC_ALL=C.UTF-8
    local more=(-e "batch=$clusters")
    if [[ $mode == plain ]]; then
        : >"$dir/plain.cfg"
        export ANSIBLE_CONFIG=$dir/plain.cfg
        more+=(-e facts=yes)
    fi
    begun=$(date +%s.%N)
    if [[ $mode == clusters ]]; then
        for cluster in $(cluster_groups); do
            "$venv/bin/ansible-playbook" -i "$dir/hosts" -l "$cluster" "$here/playbook.yaml" >"$dir/ansible-$mode-$cluster.log" 2>&1 &
            waiting+=($!)
        done
        for pid in "${waiting[@]}"; do wait "$pid" || failed=1; done
    else
        local playbook=$here/playbook.yaml
        if [[ $mode == plays ]]; then
            playbook=$dir/plays.yaml
            for cluster in $(cluster_groups); do sed "s/^- hosts: all/- hosts: $cluster/" "$here/playbook.yaml"; done >"$playbook"
            more=(-e batch=1)
        fi
        "$venv/bin/ansible-playbook" -i "$dir/hosts" "${more[@]}" "$playbook" >"$dir/ansible-$mode.log" 2>&1 || failed=1
    fi
    took=$(echo "$(date +%s.%N) - $begun" | bc)
    ((failed == 0)) || fail "ansible failed; see $dir/ansible-$mode*.log"
}

run_smith() {
    local begun server
    rm -rf "$dir/server"
    mkdir -p "$dir/server/pipelines"
    cat >"$dir/server/pipelines/all.yaml" <<END
pipeline: all
title: all machines, one of a cluster at a time
owner: role:operator
steps:
  - step: patch
    title: all machines
    change: none
    budget: $((clusters * machines))
    reboot: always
    bags: [{bag: all, machines: all, parallel: unbounded}]
END
    cat >"$dir/server/smith.yaml" <<END
site: bench
data: data
listen: {socket: smith.sock, http: no}
inventory: $lab/inventory/sources.yaml
inventory-every: 2s
pipelines: pipelines
store: $SMITH_STORE
mirrors: {default: "$address"}
ssh: {identity: $lab/keys/controller}
END
    "$smith" serve --config "$dir/server/smith.yaml" >/dev/null 2>"$dir/server/log" &
    server=$!
    pids+=("$server")
    export SMITH_SERVER=$dir/server/smith.sock
    for _ in $(seq 200); do
        "$smith" status 2>/dev/null | grep -q "$((clusters * machines)) machines, 2 builds" && break
        sleep 0.1
    done
    begun=$(date +%s.%N)
    "$smith" rollout start all 2 >/dev/null 2>&1
    "$smith" rollout watch 1 >"$dir/server/watch.log" || fail "smith failed; see $dir/server/watch.log"
    took=$(echo "$(date +%s.%N) - $begun" | bc)
    kill "$server"
    wait "$server" || true
    unset SMITH_SERVER
}

# What is installed afterwards, which must be the same whoever did it.
installed() {
    names | xargs -I{} "$smith" lab ssh {} "dpkg-query -W -f '\${db:Status-Abbrev} \${Package} \${Version}\n'" | sort -u >"$dir/installed-$1"
    grep -qv '^[ih]i ' "$dir/installed-$1" && fail "some packages are not installed whole: $dir/installed-$1"
    return 0
}

declare -A times
run() {
    local what=$1
    say "$what: machines are made and prepared"
    lab_up
    prepare
    sync
    say "$what: patching"
    case $what in
    smith) run_smith ;;
    *) run_ansible "${what#ansible-}" ;;
    esac
    times[$what]=$took
    say "$what: $took s"
    installed "$what"
}

lab_up
builds
gateway=$(gateway)
"$smith" mirror serve --store "$SMITH_STORE" --listen 0.0.0.0:0 >"$dir/mirror.out" 2>"$dir/mirror.log" &
pids+=($!)
for _ in $(seq 100); do [[ -s $dir/mirror.out ]] && break; sleep 0.1; done
address=http://$gateway:$(sed 's/.*://' "$dir/mirror.out")

for mode in $modes; do run "ansible-$mode"; done
run smith
for mode in $modes; do
    cmp "$dir/installed-ansible-$mode" "$dir/installed-smith" || fail "the machines do not have the same packages"
done

"$smith" audit dump "$dir/server/data/journal.db" 2>/dev/null >"$dir/journal.lines"
printf '%s machines in %s clusters, one of a cluster at a time, %s packages each\n' \
    "$((clusters * machines))" "$clusters" "$("$smith" lab ssh "$(first)" 'dpkg-query -W | wc -l')"
printf '%-18s %8s s\n' smith "$(printf %.1f "${times[smith]}")"
for mode in $modes; do
    printf '%-18s %8s s   smith takes %s of it\n' "ansible, $mode" "$(printf %.1f "${times[ansible-$mode]}")" \
        "$(echo "scale=3; ${times[smith]} / ${times[ansible-$mode]}" | bc)"
done
python3 "$here/overhead.py" <"$dir/journal.lines"
