# One package is on hold. A hold that was there before is not the lab's and stays.
set -eu
package=openssl
mark=/var/lib/smith-lab/held-package
case $1 in
break)
    mkdir -p /var/lib/smith-lab
    if ! apt-mark showhold | grep -qx "$package"; then
        touch "$mark"
        apt-mark hold "$package"
    fi
    ;;
heal)
    if [ -e "$mark" ]; then
        apt-mark unhold "$package"
        rm "$mark"
    fi
    ;;
esac
