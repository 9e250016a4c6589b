# A service holds the locks of dpkg as apt does, also after a reboot.
set -eu
unit=smith-lab-dpkg-lock.service
dir=/var/lib/smith-lab
case $1 in
break)
    mkdir -p "$dir"
    cat >"$dir/hold-lock.pl" <<'PERL'
use Fcntl;
my @held;
for my $path ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock") {
    open(my $file, "+>>", $path) or die "$path: $!";
    # struct flock of 64 bits: type, whence, start, length, process.
    my $lock = pack("s s x4 q q l x4", F_WRLCK, 0, 0, 0, 0);
    fcntl($file, F_SETLKW, $lock) or die "$path: $!";
    push @held, $file;
}
system("systemd-notify", "--ready");
sleep 3600 while 1;
PERL
    cat >"/etc/systemd/system/$unit" <<UNIT
[Unit]
Description=Holds the locks of dpkg because the lab says so

[Service]
Type=notify
NotifyAccess=all
TimeoutStartSec=60
ExecStart=/usr/bin/perl $dir/hold-lock.pl

[Install]
WantedBy=multi-user.target
UNIT
    systemctl daemon-reload
    systemctl enable --now "$unit"
    ;;
heal)
    systemctl --quiet disable --now "$unit" 2>/dev/null || true
    rm -f "/etc/systemd/system/$unit" "$dir/hold-lock.pl"
    systemctl daemon-reload
    ;;
esac
