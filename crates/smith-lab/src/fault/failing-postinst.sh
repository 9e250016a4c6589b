# A package looks on whatever others put below /usr/share/doc, as the index of manual pages does, and fails at it. It fails again
# whenever it is configured, until it is gone.
set -eu
package=smith-lab-failing
case $1 in
break)
    if dpkg-query --show --showformat='${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^i'; then
        exit 0
    fi
    tree=$(mktemp -d)
    mkdir "$tree/DEBIAN"
    cat >"$tree/DEBIAN/control" <<CONTROL
Package: $package
Version: 1.0
Architecture: all
Maintainer: smith-lab <lab@localhost>
Description: package whose postinst fails
CONTROL
    echo 'interest-noawait /usr/share/doc' >"$tree/DEBIAN/triggers"
    cat >"$tree/DEBIAN/postinst" <<'POSTINST'
#!/bin/sh
if [ "$1" = configure ] && [ -z "${2-}" ]; then
    exit 0
fi
echo "smith-lab-failing: cannot do what it should" >&2
exit 1
POSTINST
    chmod 755 "$tree" "$tree/DEBIAN/postinst"
    dpkg-deb --build --root-owner-group "$tree" "$tree.deb" >/dev/null
    dpkg --install "$tree.deb"
    rm -rf "$tree" "$tree.deb"
    ;;
heal)
    dpkg --purge "$package"
    ;;
esac
