# A package writes its own idea of the network and restarts it when others put something below /usr/share/doc.
set -eu
package=smith-lab-network
dir=/var/lib/smith-lab
case $1 in
break)
    if dpkg-query --show --showformat='${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^i'; then
        exit 0
    fi
    mkdir -p "$dir"
    cp -p /etc/network/interfaces "$dir/interfaces"
    tree=$(mktemp -d)
    mkdir "$tree/DEBIAN"
    cat >"$tree/DEBIAN/control" <<CONTROL
Package: $package
Version: 1.0
Architecture: all
Maintainer: smith-lab <lab@localhost>
Description: package that restarts the network and loses it
CONTROL
    echo 'interest-noawait /usr/share/doc' >"$tree/DEBIAN/triggers"
    cat >"$tree/DEBIAN/postinst" <<'POSTINST'
#!/bin/sh
if [ "$1" = triggered ]; then
    systemctl stop networking.service
    printf 'auto lo\niface lo inet loopback\n\nauto eth9\niface eth9 inet manual\n' >/etc/network/interfaces
    systemctl start networking.service || true
fi
exit 0
POSTINST
    chmod 755 "$tree" "$tree/DEBIAN/postinst"
    dpkg-deb --build --root-owner-group "$tree" "$tree.deb" >/dev/null
    dpkg --install "$tree.deb"
    rm -rf "$tree" "$tree.deb"
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
