#!/usr/bin/env bash
# Makes a machine that has Rust ready to build smith: what Rust links with, git and make. With `demo`, also what machines of the
# lab need; without it the demo is rehearsed. With `test`, also the programs that the tests try smith's builds with; without them
# those parts are left out with a word. Nothing that is there is installed again.
set -euo pipefail

fail() {
    printf 'packages: %s\n' "$*" >&2
    exit 1
}

# SQLite and zstd are compiled from C, and Rust itself links with cc: a compiler without the headers of libc will not do.
has_c_compiler() {
    command -v cc >/dev/null &&
        printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' | cc -x c -o /dev/null - 2>/dev/null
}

install_packages() {
    local packages=("$@")
    if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
        fail "expected the Debian packages ${packages[*]}, found some missing; install them as root" \
            "with \`apt-get install ${packages[*]}\`, or what they are called on this system"
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update
    apt-get install --yes --no-install-recommends "${packages[@]}"
}

# What machines of the lab need; the words say what is done without it.
lab_packages() {
    local missing=() pair tool
    for pair in ip:iproute2 mkfs.ext4:e2fsprogs mmdebstrap:mmdebstrap nft:nftables nsenter:util-linux ssh:openssh-client \
        systemd-nspawn:systemd-container tc:iproute2; do
        tool=${pair%%:*}
        command -v "$tool" >/dev/null || [[ -x /usr/sbin/$tool ]] || missing+=("${pair#*:}")
    done
    if ((${#missing[@]})) && [[ $(id -u) == 0 ]]; then
        install_packages "${missing[@]}"
    elif ((${#missing[@]})); then
        printf 'packages: %s, for want of %s\n' "$1" "${missing[*]}" >&2
    fi
}

missing=()
has_c_compiler || missing+=(gcc libc6-dev)
command -v git >/dev/null || missing+=(git)
command -v make >/dev/null || missing+=(make)
if ((${#missing[@]})); then
    install_packages "${missing[@]}"
fi

if [[ ${1:-} == demo ]] && command -v apt-get >/dev/null; then
    lab_packages "the demo is rehearsed on simulated machines"
fi

# Other people's mirrors and installers, and the tools that sign.
if [[ ${1:-} == test ]] && command -v apt-get >/dev/null; then
    missing=()
    for tool in aptly debmirror debootstrap gpg gpgv mmdebstrap; do
        command -v "$tool" >/dev/null || [[ -x /usr/sbin/$tool ]] || missing+=("$tool")
    done
    if ((${#missing[@]})) && [[ $(id -u) == 0 ]]; then
        install_packages "${missing[@]}"
    elif ((${#missing[@]})); then
        printf 'packages: the tests leave out what needs %s\n' "${missing[*]}" >&2
    fi
    lab_packages "the tests leave out machines of the lab"
    # A program that we did not write asks the API for everything that its description allows.
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        if [[ $(id -u) == 0 ]]; then
            install_packages python3-venv
        else
            printf 'packages: the gate does not fuzz the API, for want of python3-venv\n' >&2
        fi
    fi
    # promtool, which judges the numbers of /metrics, comes with the whole of Prometheus; it is not left running.
    if ! command -v promtool >/dev/null; then
        if [[ $(id -u) == 0 ]]; then
            install_packages prometheus
            [[ ! -d /run/systemd/system ]] || systemctl disable --now prometheus.service
        else
            printf 'packages: the tests do not show /metrics to promtool, for want of prometheus\n' >&2
        fi
    fi
    # An sshd for the tests to start by themselves; the machine's own door stays shut where it was.
    if [[ ! -x /usr/sbin/sshd ]]; then
        if [[ $(id -u) == 0 ]]; then
            install_packages openssh-server
            [[ ! -d /run/systemd/system ]] || systemctl disable --now ssh.service
        else
            printf 'packages: the tests leave out what needs openssh-server\n' >&2
        fi
    fi
fi

command -v cargo >/dev/null ||
    fail "expected cargo, found none; install Rust with rustup, which then takes the version of rust-toolchain.toml"
