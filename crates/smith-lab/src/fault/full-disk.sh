# Not a block is free: one file takes them all, without writing them.
set -eu
filler=/var/lib/smith-lab/filler
case $1 in
break)
    mkdir -p /var/lib/smith-lab
    touch "$filler"
    size=$(stat -c %s "$filler")
    chunk=1073741824
    while [ "$chunk" -ge 1024 ]; do
        if fallocate --offset "$size" --length "$chunk" "$filler" 2>/dev/null; then
            size=$((size + chunk))
        else
            chunk=$((chunk / 2))
        fi
    done
    ;;
heal)
    rm -f "$filler"
    ;;
esac
