# A package fails when it is triggered, and again whenever it is configured, until it is gone.
package=smith-lab-failing
description='package whose postinst fails'
case $1 in
break)
    is_there || put_in <<'POSTINST'
#!/bin/sh
if [ "$1" = configure ] && [ -z "${2-}" ]; then
    exit 0
fi
echo "smith-lab-failing: cannot do what it should" >&2
exit 1
POSTINST
    ;;
heal)
    dpkg --purge "$package"
    ;;
esac
