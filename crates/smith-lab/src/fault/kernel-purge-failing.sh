# Three kernels are installed that were never run. The two older ones are not to be got rid of.
set -eu
mark=/var/lib/smith-lab/kernel-purge-failing
versions='5.10.0-9001-lab 5.10.0-9002-lab 5.10.0-9003-lab'
case $1 in
break)
    mkdir -p /var/lib/smith-lab
    touch "$mark"
    tree=$(mktemp -d)
    for version in $versions; do
        if dpkg-query --show --showformat='${db:Status-Abbrev}' "linux-image-$version" 2>/dev/null | grep -q '^i'; then
            continue
        fi
        rm -rf "$tree/package"
        mkdir -p "$tree/package/DEBIAN" "$tree/package/boot" "$tree/package/lib/modules/$version"
        echo "a kernel of the lab" >"$tree/package/boot/vmlinuz-$version"
        cat >"$tree/package/DEBIAN/control" <<CONTROL
Package: linux-image-$version
Version: $version-1
Architecture: all
Section: kernel
Maintainer: smith-lab <lab@localhost>
Description: kernel that is not to be got rid of
CONTROL
        cat >"$tree/package/DEBIAN/prerm" <<PRERM
#!/bin/sh
if [ "\$1" = remove ] && [ -e $mark ] && [ $version != 5.10.0-9003-lab ]; then
    echo "linux-image-$version: cannot be removed" >&2
    exit 1
fi
exit 0
PRERM
        chmod 755 "$tree/package" "$tree/package/DEBIAN/prerm"
        dpkg-deb --build --root-owner-group "$tree/package" "$tree/$version.deb" >/dev/null
        dpkg --install "$tree/$version.deb"
    done
    rm -rf "$tree"
    ;;
heal)
    rm -f "$mark"
    for version in $versions; do
        dpkg --purge "linux-image-$version"
    done
    ;;
esac
