# A container shares the clock of its computer, so the clock is not set: every program that is linked dynamically is told another
# time, over reboots too. systemd's own programs are left alone, for their loops of events end where clocks disagree.
set -eu
library=/usr/lib/$(dpkg-architecture --query DEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")/faketime/libfaketime.so.1
preload=/etc/ld.so.preload
defaults=/etc/systemd/system.conf.d/smith-lab-clock.conf
# The keeper hands the same to the first process.
left_alone=FAKETIME_SKIP_CMDS=systemd,systemd-journald,systemd-logind,systemd-shutdown,init
case $1 in
break)
    [ -e "$library" ]
    echo '-365d' >/etc/faketimerc
    mkdir -p "${defaults%/*}"
    printf '[Manager]\nDefaultEnvironment=%s FAKETIME_DONT_FAKE_MONOTONIC=1\n' "$left_alone" >"$defaults"
    grep -qx "$left_alone" /etc/environment || echo "$left_alone" >>/etc/environment
    systemctl daemon-reload
    grep -qx "$library" "$preload" 2>/dev/null || echo "$library" >>"$preload"
    systemctl restart ssh.service
    ;;
heal)
    if [ -e "$preload" ]; then
        sed -i "\\|^$library\$|d" "$preload"
        [ -s "$preload" ] || rm "$preload"
    fi
    sed -i "/^$left_alone\$/d" /etc/environment
    rm -f "$defaults" /etc/faketimerc
    systemctl daemon-reload
    systemctl restart ssh.service
    ;;
esac
