# The beginning of the scripts whose fault is a package that waits for what others put below /usr/share/doc, as the index of
# manual pages does. A fault sets `package` and `description`; its postinst comes through standard input.
set -eu

is_there() {
    dpkg-query --show --showformat='${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^i'
}

put_in() {
    tree=$(mktemp -d)
    mkdir "$tree/DEBIAN"
    cat >"$tree/DEBIAN/control" <<CONTROL
Package: $package
Version: 1.0
Architecture: all
Maintainer: smith-lab <lab@localhost>
Description: $description
CONTROL
    echo 'interest-noawait /usr/share/doc' >"$tree/DEBIAN/triggers"
    cat >"$tree/DEBIAN/postinst"
    chmod 755 "$tree" "$tree/DEBIAN/postinst"
    dpkg-deb --build --root-owner-group "$tree" "$tree.deb" >/dev/null
    dpkg --install "$tree.deb"
    rm -rf "$tree" "$tree.deb"
}

