# A package writes its own idea of the network when it is triggered, and restarts it.
package=smith-lab-network
description='package that restarts the network and loses it'
dir=/var/lib/smith-lab
case $1 in
break)
    if is_there; then
        exit 0
    fi
    mkdir -p "$dir"
    cp -p /etc/network/interfaces "$dir/interfaces"
    put_in <<'POSTINST'
#!/bin/sh
if [ "$1" = triggered ]; then
    systemctl stop networking.service
    printf 'auto lo\niface lo inet loopback\n\nauto eth9\niface eth9 inet manual\n' >/etc/network/interfaces
    systemctl start networking.service || true
fi
exit 0
POSTINST
    ;;
heal)
    dpkg --purge "$package"
    if [ -e "$dir/interfaces" ]; then
        if ! cmp -s "$dir/interfaces" /etc/network/interfaces; then
            cp -p "$dir/interfaces" /etc/network/interfaces
        fi
        if ! ip -4 -o address show dev eth0 | grep -q inet; then
            systemctl restart networking.service
        fi
        rm "$dir/interfaces"
    fi
    ;;
esac
